/** Volumes of all hosts. */
import { ActionIcon, Button, Menu, Modal, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Box, Ellipsis, HardDrive, Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { asProblem, del, post } from '@/lib/api/client';
import { hostsQuery, volumesQuery } from '@/lib/api/queries';
import type { Job, Volume } from '@/lib/api/types';
import type { Fields } from '@/lib/filter';
import { formatAge, secondsSince } from '@/lib/format';
import { useNow } from '@/lib/now';
import { isSilent } from '@/lib/state';
import { common, images, volumes as words } from '@/messages';
import confirm from '@/ui/Confirm.module.css';
import { Confirm } from '@/ui/Confirm';
import type { Column } from '@/ui/DataTable';
import { ObjectList } from '@/ui/ObjectList';
import list from '@/ui/ObjectList.module.css';
import { useJobToast } from '@/ui/useJobToast';

const fields: Fields<Volume> = {
  name: { kind: 'text', get: (volume) => volume.name },
  host: { kind: 'text', get: (volume) => volume.host.name },
  driver: { kind: 'text', get: (volume) => volume.driver },
  used: { kind: 'number', get: (volume) => volume.used_by.length },
  by: { kind: 'text', get: (volume) => volume.used_by },
  created: { kind: 'age', get: (volume, now) => secondsSince(volume.created_at, now) },
};

function Created({ iso }: { iso: string | null }) {
  const seconds = secondsSince(iso, useNow());
  return <span className="muted">{seconds === null ? common.none : formatAge(seconds)}</span>;
}

export function UsedBy({ names, host }: { names: readonly string[]; host: string }) {
  const first = names[0];
  if (first === undefined) return <span className="muted">{words.notUsed}</span>;
  return (
    <span className="row" title={names.join(', ')}>
      <Link to="/containers" search={{ q: `name:${first} host:${host}` }} className="ellipsis">
        {first}
      </Link>
      {names.length > 1 && <span className="muted small">+{names.length - 1}</span>}
    </span>
  );
}

export function VolumesPage() {
  const search = useSearch({ from: '/shell/volumes' });
  const navigate = useNavigate({ from: '/volumes' });
  const query = useQuery(volumesQuery);
  const [removing, setRemoving] = useState<Volume | null>(null);
  const [creating, setCreating] = useState(false);
  const columns = useMemo<Column<Volume>[]>(
    () => [
      {
        id: 'name',
        header: words.column.name,
        accessorFn: (volume) => volume.name,
        cell: ({ row }) => (
          <span className={list.name} title={row.original.name}>
            {row.original.name}
          </span>
        ),
      },
      { id: 'host', header: words.column.host, accessorFn: (volume) => volume.host.name, meta: { width: 150 }, cell: ({ row }) => row.original.host.name },
      { id: 'driver', header: words.column.driver, accessorFn: (volume) => volume.driver, meta: { width: 80 }, cell: ({ row }) => <span className="second">{row.original.driver}</span> },
      { id: 'used', header: words.column.used, accessorFn: (volume) => volume.used_by.length, meta: { width: 220 }, cell: ({ row }) => <UsedBy names={row.original.used_by} host={row.original.host.name} /> },
      { id: 'mountpoint', header: words.column.mountpoint, accessorFn: (volume) => volume.mountpoint, meta: { width: 320 }, cell: ({ row }) => <code title={row.original.mountpoint}>{row.original.mountpoint}</code> },
      { id: 'created', header: words.column.created, accessorFn: (volume) => -Date.parse(volume.created_at ?? ''), meta: { width: 96, align: 'right' }, cell: ({ row }) => <Created iso={row.original.created_at} /> },
      {
        id: 'actions',
        enableSorting: false,
        meta: { width: 50 },
        header: () => <span className={list.hidden}>{words.column.actions}</span>,
        cell: ({ row: { original: volume } }) => (
          <Menu>
            <Menu.Target>
              <ActionIcon aria-label={common.moreActions(volume.name)}>
                <Ellipsis aria-hidden />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<Trash2 aria-hidden />} data-danger disabled={volume.stale || volume.used_by.length > 0} title={volume.used_by.length > 0 ? words.inUse(volume.used_by.length) : undefined} onClick={() => setRemoving(volume)}>
                {words.remove}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        ),
      },
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
      rowKey={(volume) => `${volume.host.id}/${volume.name}`}
      q={search.q}
      onQ={(q) => void navigate({ search: { q }, replace: true })}
      facets={[{ term: 'used:0', label: words.unused, test: (volume) => volume.used_by.length === 0 }]}
      emptyTitle={words.emptyTitle}
      emptyText={words.emptyText}
      actions={
        <Button variant="filled" leftSection={<Plus aria-hidden />} onClick={() => setCreating(true)}>
          {words.create}
        </Button>
      }
      phoneRow={(volume) => (
        <div className={list.phone}>
          <span className={list.phoneTitle}>{volume.name}</span>
          <span className="muted">{volume.driver}</span>
          <span className="muted small">{volume.host.name}</span>
          <span className="muted small">{volume.used_by.length === 0 ? words.notUsed : images.usedBy(volume.used_by.length)}</span>
        </div>
      )}
    >
      {removing && <RemoveVolume volume={removing} onClose={() => setRemoving(null)} />}
      {creating && <CreateVolume onClose={() => setCreating(false)} />}
    </ObjectList>
  );
}

function RemoveVolume({ volume, onClose }: { volume: Volume; onClose: () => void }) {
  const say = useJobToast();
  const remove = useMutation({
    mutationFn: () => del<Job | null>(`/hosts/${volume.host.id}/volumes/${encodeURIComponent(volume.name)}`),
    onSuccess: (job) => {
      say(words.deleting(volume.name), job);
      onClose();
    },
  });
  return (
    <Confirm
      title={words.removeTitle(volume.name)}
      text={words.removeText(volume.host.name)}
      lost={[{ key: 'volume', icon: <HardDrive aria-hidden />, text: volume.name, right: volume.mountpoint.split('/').slice(0, 4).join('/') }, ...volume.used_by.map((name) => ({ key: name, icon: <Box aria-hidden />, text: name, right: words.removeUsed }))]}
      typed={volume.name}
      button={words.removeButton(null)}
      busy={remove.isPending}
      refused={remove.error ? [asProblem(remove.error).message, asProblem(remove.error).next].filter(Boolean).join('. ') : null}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    />
  );
}

function CreateVolume({ onClose }: { onClose: () => void }) {
  const say = useJobToast();
  const { data: hosts } = useQuery(hostsQuery);
  const usable = hosts?.rows.filter((host) => !isSilent(host) && host.state !== 'pending') ?? [];
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState('');
  const host = chosen || (usable[0]?.id ?? '');
  const create = useMutation({
    mutationFn: () => post<Job>('/volumes', { host, name: name.trim() }),
    onSuccess: (job) => {
      say(`${words.createTitle}: ${name.trim()}`, job);
      onClose();
    },
  });
  return (
    <Modal opened onClose={onClose} title={words.createTitle}>
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <TextInput label={words.column.name} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="off" spellCheck={false} data-autofocus />
        <NativeSelect label={words.column.host} value={host} onChange={(event) => setChosen(event.currentTarget.value)} data={usable.map((each) => ({ value: each.id, label: each.name }))} />
        {create.error && (
          <p className="bad" role="alert">
            {[asProblem(create.error).message, asProblem(create.error).next].filter(Boolean).join('. ')}
          </p>
        )}
        <div className={confirm.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={name.trim() === '' || host === '' || create.isPending}>
            {words.createButton}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
