/** Images of all hosts. */
import { Button, Menu, NativeSelect, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Box, Download, Package, Play, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { ImageName } from '@/features/containers/cells';
import { createdColumn, hostColumn, menuColumn, PhoneRow } from '@/features/objects/columns';
import { CreateObject, RemoveObject } from '@/features/objects/dialogs';
import { ObjectList } from '@/features/objects/ObjectList';
import list from '@/features/objects/ObjectList.module.css';
import { imagesQuery } from '@/lib/api/queries';
import type { Image } from '@/lib/api/types';
import type { Fields } from '@/lib/filter';
import { formatBytes, secondsSince, shortId } from '@/lib/format';
import { images as words, objects } from '@/messages';
import type { Column } from '@/ui/DataTable';
import { MenuItemLink } from '@/ui/links';

export const imageName = (image: Image): string => image.tags[0] ?? image.digests[0] ?? shortId(image.id);

const fields: Fields<Image> = {
  name: { kind: 'text', get: (image) => [...image.tags, ...image.digests, ...(image.tags.length === 0 ? [words.untagged] : [])] },
  host: { kind: 'text', get: (image) => image.host.name },
  id: { kind: 'text', get: (image) => image.id.replace('sha256:', '') },
  used: { kind: 'number', get: (image) => image.containers },
  size: { kind: 'number', get: (image) => image.size_bytes },
  created: { kind: 'age', get: (image, now) => secondsSince(image.created_at, now) },
};

const facets = [
  { term: 'used:0', label: objects.unused, test: (image: Image) => image.containers === 0 },
  { term: `name:${words.untagged}`, label: words.dangling, test: (image: Image) => image.tags.length === 0 },
];

/** The containers that were made from any of its names. */
const usersOf = (image: Image) => ({ q: `image:${(image.tags.length > 0 ? image.tags : [shortId(image.id)]).map((tag) => tag.replace(/:latest$/, '')).join(',')}`, host: image.host.name });

function Name({ image }: { image: Image }) {
  if (image.tags.length === 0) {
    return (
      <span className="muted">
        {words.untagged} <code className="phone-only">{shortId(image.id)}</code>
      </span>
    );
  }
  return (
    <span className="row" title={image.tags.join('\n')}>
      <ImageName image={imageName(image)} />
      {image.tags.length > 1 && <span className="muted small">+{image.tags.length - 1}</span>}
    </span>
  );
}

function MenuItems({ image, onRemove }: { image: Image; onRemove: (image: Image) => void }) {
  return (
    <>
      <MenuItemLink to="/run" search={{ image: imageName(image), host: image.host.id }} disabled={image.stale} leftSection={<Play aria-hidden />}>
        {words.run}
      </MenuItemLink>
      <MenuItemLink to="/containers" search={usersOf(image)} leftSection={<Box aria-hidden />} rightSection={image.containers}>
        {words.showUsers}
      </MenuItemLink>
      <Menu.Divider />
      <Menu.Item leftSection={<Trash2 aria-hidden />} data-danger disabled={image.stale} onClick={() => onRemove(image)}>
        {words.remove}
      </Menu.Item>
    </>
  );
}

export function ImagesPage() {
  const search = useSearch({ from: '/shell/images' });
  const navigate = useNavigate({ from: '/images' });
  const query = useQuery(imagesQuery);
  const [removing, setRemoving] = useState<Image | null>(null);
  const [pulling, setPulling] = useState(false);
  const columns = useMemo<Column<Image>[]>(
    () => [
      { id: 'name', header: words.column.name, accessorFn: imageName, cell: ({ row }) => <Name image={row.original} /> },
      { id: 'id', header: objects.column.id, accessorFn: (image) => image.id, meta: { width: 130 }, cell: ({ row }) => <code>{shortId(row.original.id)}</code> },
      hostColumn(),
      { id: 'size', header: words.column.size, accessorFn: (image) => image.size_bytes, meta: { width: 110, align: 'right' }, cell: ({ row }) => formatBytes(row.original.size_bytes) },
      {
        id: 'used',
        header: objects.column.used,
        accessorFn: (image) => image.containers,
        meta: { width: 140, align: 'right' },
        cell: ({ row: { original: image } }) =>
          image.containers === 0 ? (
            <span className="muted">{objects.notUsed}</span>
          ) : (
            <Link to="/containers" search={usersOf(image)} className={list.host}>
              {objects.usedBy(image.containers)}
            </Link>
          ),
      },
      createdColumn(),
      menuColumn(imageName, (image) => <MenuItems image={image} onRemove={setRemoving} />),
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
      rowKey={(image) => `${image.host.id}/${image.id}`}
      q={search.q}
      onQ={(q) => void navigate({ search: { q }, replace: true })}
      facets={facets}
      emptyTitle={words.emptyTitle}
      emptyText={words.emptyText}
      actions={
        <Button variant="filled" leftSection={<Download aria-hidden />} onClick={() => setPulling(true)}>
          {words.pull}
        </Button>
      }
      phoneRow={(image) => (
        <PhoneRow title={<Name image={image} />} right={formatBytes(image.size_bytes)} below={image.host.name} belowRight={objects.usedBy(image.containers)} name={imageName(image)} menu={<MenuItems image={image} onRemove={setRemoving} />} />
      )}
    >
      {removing && <RemoveImage image={removing} onClose={() => setRemoving(null)} />}
      {pulling && <PullImage onClose={() => setPulling(false)} />}
    </ObjectList>
  );
}

/** Docker removes a name, and the image with its last one; what is chosen here says which of the two will happen. */
function RemoveImage({ image, onClose }: { image: Image; onClose: () => void }) {
  const size = formatBytes(image.size_bytes);
  const several = image.tags.length > 1;
  const [chosen, setChosen] = useState(image.tags[0] ?? image.id);
  const onlyName = several && chosen !== image.id;
  const name = chosen === image.id ? imageName(image) : chosen;
  const text = onlyName ? words.removeTag(image.host.name, image.tags.length - 1) : [words.removeText(image.host.name), image.containers > 0 ? words.removeUsed(image.containers) : ''].filter(Boolean).join(' ');
  return (
    <RemoveObject
      title={words.removeTitle(name)}
      text={text}
      lost={onlyName ? [] : (image.tags.length > 0 ? image.tags : [shortId(image.id)]).map((tag, index) => ({ key: tag, icon: <Package aria-hidden />, text: tag, right: index === 0 ? size : '' }))}
      button={onlyName ? words.removeTagButton : words.removeButton(size)}
      path={`/hosts/${image.host.id}/images/${encodeURIComponent(chosen)}`}
      query={several && !onlyName ? { force: true } : {}}
      started={words.removing(name)}
      onClose={onClose}
    >
      {several && (
        <NativeSelect
          label={words.removeWhat}
          value={chosen}
          onChange={(event) => setChosen(event.currentTarget.value)}
          // Several names at once are taken away by force, which Docker would also use against stopped containers.
          data={[...image.tags.map((tag) => ({ value: tag, label: words.removeOne(tag) })), { value: image.id, label: words.removeAll(image.tags.length, size), disabled: image.containers > 0 }]}
        />
      )}
    </RemoveObject>
  );
}

function PullImage({ onClose }: { onClose: () => void }) {
  const [image, setImage] = useState('');
  return (
    <CreateObject title={words.pullTitle} text={words.pullText} button={words.pullButton} ready={image.trim() !== ''} path="/images/pull" body={(host) => ({ host, image: image.trim() })} started={(host) => words.pulling(image.trim(), host)} onClose={onClose}>
      <TextInput label={words.reference} placeholder="nginx:1.27-alpine" value={image} onChange={(event) => setImage(event.currentTarget.value)} autoComplete="off" spellCheck={false} data-autofocus />
    </CreateObject>
  );
}
