/** Volumes of all hosts. */
import { Button, Menu, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Box, HardDrive, Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { createdColumn, hostColumn, menuColumn, PhoneRow, usedByColumn } from '@/features/objects/columns';
import { CreateObject, RemoveObject } from '@/features/objects/dialogs';
import { ObjectList } from '@/features/objects/ObjectList';
import list from '@/features/objects/ObjectList.module.css';
import { volumesQuery } from '@/lib/api/queries';
import type { Volume } from '@/lib/api/types';
import type { Fields } from '@/lib/filter';
import { secondsSince } from '@/lib/format';
import { objects, volumes as words } from '@/messages';
import type { Column } from '@/ui/DataTable';

const fields: Fields<Volume> = {
  name: { kind: 'text', get: (volume) => volume.name },
  host: { kind: 'text', get: (volume) => volume.host.name },
  driver: { kind: 'text', get: (volume) => volume.driver },
  label: { kind: 'text', get: (volume) => Object.entries(volume.labels).map(([key, value]) => `${key}=${value}`) },
  used: { kind: 'number', get: (volume) => volume.used_by.length },
  by: { kind: 'text', get: (volume) => volume.used_by },
  created: { kind: 'age', get: (volume, now) => secondsSince(volume.created_at, now) },
};

const facets = [{ term: 'used:0', label: objects.unused, test: (volume: Volume) => volume.used_by.length === 0 }];

function RemoveItem({ volume, onRemove }: { volume: Volume; onRemove: (volume: Volume) => void }) {
  const users = volume.used_by.length;
  return (
    <Menu.Item leftSection={<Trash2 aria-hidden />} data-danger disabled={volume.stale || users > 0} title={users > 0 ? words.inUse(users) : undefined} onClick={() => onRemove(volume)}>
      {words.remove}
    </Menu.Item>
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
      hostColumn(),
      { id: 'driver', header: words.column.driver, accessorFn: (volume) => volume.driver, meta: { width: 80 }, cell: ({ row }) => <span className="second">{row.original.driver}</span> },
      usedByColumn(objects.column.used, 220),
      { id: 'mountpoint', header: words.column.mountpoint, accessorFn: (volume) => volume.mountpoint, meta: { width: 320 }, cell: ({ row }) => <code title={row.original.mountpoint}>{row.original.mountpoint}</code> },
      createdColumn(),
      menuColumn(
        (volume) => volume.name,
        (volume) => <RemoveItem volume={volume} onRemove={setRemoving} />,
      ),
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
      facets={facets}
      emptyTitle={words.emptyTitle}
      emptyText={words.emptyText}
      actions={
        <Button variant="filled" leftSection={<Plus aria-hidden />} onClick={() => setCreating(true)}>
          {words.create}
        </Button>
      }
      phoneRow={(volume) => <PhoneRow title={volume.name} right={<span className="muted">{volume.driver}</span>} below={volume.host.name} belowRight={objects.usedBy(volume.used_by.length)} name={volume.name} menu={<RemoveItem volume={volume} onRemove={setRemoving} />} />}
    >
      {removing && (
        <RemoveObject
          title={words.removeTitle(removing.name)}
          text={words.removeText(removing.host.name)}
          lost={[{ key: 'volume', icon: <HardDrive aria-hidden />, text: removing.name, right: removing.driver }, ...removing.used_by.map((name) => ({ key: name, icon: <Box aria-hidden />, text: name, right: words.removeUsed }))]}
          typed={removing.name}
          button={words.removeButton}
          path={`/hosts/${removing.host.id}/volumes/${encodeURIComponent(removing.name)}`}
          started={words.deleting(removing.name)}
          onClose={() => setRemoving(null)}
        />
      )}
      {creating && <CreateVolume onClose={() => setCreating(false)} />}
    </ObjectList>
  );
}

function CreateVolume({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  return (
    <CreateObject title={words.createTitle} button={words.createButton} ready={name.trim() !== ''} path="/volumes" body={(host) => ({ host, name: name.trim() })} started={(host) => words.creating(name.trim(), host)} onClose={onClose}>
      <TextInput label={words.column.name} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="off" spellCheck={false} data-autofocus />
    </CreateObject>
  );
}
