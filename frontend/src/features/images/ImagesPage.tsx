/** Images of all hosts. */
import { ActionIcon, Button, Menu, Modal, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Box, Download, Ellipsis, Play, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { ImageName } from '@/features/containers/cells';
import { asProblem, del, post } from '@/lib/api/client';
import { hostsQuery, imagesQuery } from '@/lib/api/queries';
import type { Image, Job } from '@/lib/api/types';
import type { Fields } from '@/lib/filter';
import { formatAge, formatBytes, secondsSince, shortId } from '@/lib/format';
import { useNow } from '@/lib/now';
import { isSilent } from '@/lib/state';
import { common, images as words } from '@/messages';
import confirm from '@/ui/Confirm.module.css';
import { Confirm } from '@/ui/Confirm';
import type { Column } from '@/ui/DataTable';
import { MenuItemLink } from '@/ui/links';
import { ObjectList } from '@/ui/ObjectList';
import list from '@/ui/ObjectList.module.css';
import { useJobToast } from '@/ui/useJobToast';

export const imageName = (image: Image): string => image.tags[0] ?? image.digests[0] ?? shortId(image.id);

const fields: Fields<Image> = {
  name: { kind: 'text', get: (image) => [...image.tags, ...image.digests, ...(image.tags.length === 0 ? [words.untagged] : [])] },
  host: { kind: 'text', get: (image) => image.host.name },
  id: { kind: 'text', get: (image) => image.id.replace('sha256:', '') },
  used: { kind: 'number', get: (image) => image.containers },
  size: { kind: 'number', get: (image) => image.size_bytes },
  created: { kind: 'age', get: (image, now) => secondsSince(image.created_at, now) },
};

const key = (image: Image) => `${image.host.id}/${image.id}`;

function Created({ iso }: { iso: string | null }) {
  const seconds = secondsSince(iso, useNow());
  return <span className="muted">{seconds === null ? common.none : formatAge(seconds)}</span>;
}

export function ImagesPage() {
  const search = useSearch({ from: '/shell/images' });
  const navigate = useNavigate({ from: '/images' });
  const query = useQuery(imagesQuery);
  const [removing, setRemoving] = useState<Image | null>(null);
  const [pulling, setPulling] = useState(false);
  const columns = useMemo<Column<Image>[]>(
    () => [
      {
        id: 'name',
        header: words.column.name,
        accessorFn: imageName,
        cell: ({ row: { original: image } }) =>
          image.tags.length > 0 ? (
            <span className="row">
              <ImageName image={imageName(image)} />
              {image.tags.length > 1 && <span className="muted small" title={image.tags.join(', ')}>{`+${image.tags.length - 1}`}</span>}
            </span>
          ) : (
            <span className="muted">{words.untagged}</span>
          ),
      },
      { id: 'id', header: words.column.id, accessorFn: (image) => image.id, meta: { width: 130 }, cell: ({ row }) => <code>{shortId(row.original.id)}</code> },
      { id: 'host', header: words.column.host, accessorFn: (image) => image.host.name, meta: { width: 150 }, cell: ({ row }) => row.original.host.name },
      { id: 'size', header: words.column.size, accessorFn: (image) => image.size_bytes, meta: { width: 110, align: 'right' }, cell: ({ row }) => formatBytes(row.original.size_bytes) },
      { id: 'used', header: words.column.used, accessorFn: (image) => image.containers, meta: { width: 140, align: 'right' }, cell: ({ row }) => <span className={row.original.containers === 0 ? 'muted' : undefined}>{words.usedBy(row.original.containers)}</span> },
      { id: 'created', header: words.column.created, accessorFn: (image) => -Date.parse(image.created_at ?? ''), meta: { width: 96, align: 'right' }, cell: ({ row }) => <Created iso={row.original.created_at} /> },
      { id: 'actions', enableSorting: false, meta: { width: 50 }, header: () => <span className={list.hidden}>{words.column.actions}</span>, cell: ({ row }) => <ImageMenu image={row.original} onRemove={setRemoving} /> },
    ],
    [],
  );
  return (
    <ObjectList
      title={words.title}
      what={words.what}
      table={words.table}
      filterLabel={words.filter}
      filterPlaceholder={words.filterPlaceholder}
      query={query}
      fields={fields}
      columns={columns}
      rowKey={key}
      q={search.q}
      onQ={(q) => void navigate({ search: { q }, replace: true })}
      facets={[{ term: 'used:0', label: words.unused, test: (image) => image.containers === 0 }]}
      emptyTitle={words.emptyTitle}
      emptyText={words.emptyText}
      actions={
        <Button variant="filled" leftSection={<Download aria-hidden />} onClick={() => setPulling(true)}>
          {words.pull}
        </Button>
      }
      phoneRow={(image) => (
        <div className={list.phone}>
          <span className={list.phoneTitle}>{imageName(image)}</span>
          <span className="num">{formatBytes(image.size_bytes)}</span>
          <span className="muted small">{image.host.name}</span>
          <span className="muted small">{words.usedBy(image.containers)}</span>
        </div>
      )}
    >
      {removing && <RemoveImage image={removing} onClose={() => setRemoving(null)} />}
      {pulling && <PullImage onClose={() => setPulling(false)} />}
    </ObjectList>
  );
}

function ImageMenu({ image, onRemove }: { image: Image; onRemove: (image: Image) => void }) {
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon aria-label={common.moreActions(imageName(image))}>
          <Ellipsis aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <MenuItemLink to="/run" search={{ image: imageName(image), host: image.host.id }} leftSection={<Play aria-hidden />}>
          {words.run}
        </MenuItemLink>
        <MenuItemLink to="/containers" search={{ q: `image:${imageName(image)}` }} leftSection={<Box aria-hidden />} rightSection={image.containers}>
          {words.column.used}
        </MenuItemLink>
        <Menu.Divider />
        <Menu.Item leftSection={<Trash2 aria-hidden />} data-danger disabled={image.stale} onClick={() => onRemove(image)}>
          {words.remove}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function RemoveImage({ image, onClose }: { image: Image; onClose: () => void }) {
  const say = useJobToast();
  const name = imageName(image);
  const remove = useMutation({
    mutationFn: () => del<Job | null>(`/hosts/${image.host.id}/images/${encodeURIComponent(image.tags[0] ?? image.id)}`),
    onSuccess: (job) => {
      say(words.removing(name), job);
      onClose();
    },
  });
  return (
    <Confirm
      title={words.removeTitle(name)}
      text={[words.removeText(image.host.name), image.containers ? words.removeUsed(image.containers) : ''].filter(Boolean).join(' ')}
      lost={image.tags.slice(0, 1).map((tag) => ({ key: tag, text: tag, right: formatBytes(image.size_bytes) }))}
      button={words.removeButton(formatBytes(image.size_bytes))}
      busy={remove.isPending}
      refused={remove.error ? [asProblem(remove.error).message, asProblem(remove.error).next].filter(Boolean).join('. ') : null}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    />
  );
}

function PullImage({ onClose }: { onClose: () => void }) {
  const say = useJobToast();
  const { data: hosts } = useQuery(hostsQuery);
  const usable = hosts?.rows.filter((host) => !isSilent(host) && host.state !== 'pending') ?? [];
  const [image, setImage] = useState('');
  const [chosen, setChosen] = useState('');
  const host = chosen || (usable[0]?.id ?? '');
  const pull = useMutation({
    mutationFn: () => post<Job>('/images/pull', { host, image: image.trim() }),
    onSuccess: (job) => {
      say(words.pulling(image.trim(), usable.find((each) => each.id === host)?.name ?? ''), job);
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={words.pullTitle}>
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(event) => {
          event.preventDefault();
          pull.mutate();
        }}
      >
        <p className="second">{words.pullText}</p>
        <TextInput label={words.reference} placeholder="nginx:1.27-alpine" value={image} onChange={(event) => setImage(event.currentTarget.value)} autoComplete="off" spellCheck={false} data-autofocus />
        <NativeSelect label={words.host} value={host} onChange={(event) => setChosen(event.currentTarget.value)} data={usable.map((each) => ({ value: each.id, label: each.name }))} />
        {pull.error && (
          <p className="bad" role="alert">
            {[asProblem(pull.error).message, asProblem(pull.error).next].filter(Boolean).join('. ')}
          </p>
        )}
        <div className={confirm.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={image.trim() === '' || host === '' || pull.isPending}>
            {words.pullButton}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
