/** Networks of all hosts. */
import { ActionIcon, Menu } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Ellipsis, Network as NetworkIcon, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { UsedBy } from '@/features/volumes/VolumesPage';
import { asProblem, del } from '@/lib/api/client';
import { networksQuery } from '@/lib/api/queries';
import type { Job, Network } from '@/lib/api/types';
import type { Fields } from '@/lib/filter';
import { shortId } from '@/lib/format';
import { common, networks as words } from '@/messages';
import { Confirm } from '@/ui/Confirm';
import type { Column } from '@/ui/DataTable';
import { ObjectList } from '@/ui/ObjectList';
import list from '@/ui/ObjectList.module.css';
import { useJobToast } from '@/ui/useJobToast';

const BUILT_IN = new Set(['bridge', 'host', 'none']);

const fields: Fields<Network> = {
  name: { kind: 'text', get: (network) => network.name },
  host: { kind: 'text', get: (network) => network.host.name },
  driver: { kind: 'text', get: (network) => network.driver },
  subnet: { kind: 'text', get: (network) => network.subnets },
  by: { kind: 'text', get: (network) => network.used_by },
  id: { kind: 'text', get: (network) => network.id },
  containers: { kind: 'number', get: (network) => network.used_by.length },
};

export function NetworksPage() {
  const search = useSearch({ from: '/shell/networks' });
  const navigate = useNavigate({ from: '/networks' });
  const query = useQuery(networksQuery);
  const [removing, setRemoving] = useState<Network | null>(null);
  const columns = useMemo<Column<Network>[]>(
    () => [
      {
        id: 'name',
        header: words.column.name,
        accessorFn: (network) => network.name,
        cell: ({ row: { original: network } }) => (
          <span className="row">
            <span className={list.name}>{network.name}</span>
            {network.internal && <span className="muted small">{words.internal}</span>}
          </span>
        ),
      },
      { id: 'driver', header: words.column.driver, accessorFn: (network) => network.driver, meta: { width: 100 }, cell: ({ row }) => <span className="second">{row.original.driver}</span> },
      { id: 'host', header: words.column.host, accessorFn: (network) => network.host.name, meta: { width: 150 }, cell: ({ row }) => row.original.host.name },
      { id: 'subnet', header: words.column.subnet, accessorFn: (network) => network.subnets[0] ?? '', meta: { width: 190 }, cell: ({ row }) => (row.original.subnets.length > 0 ? <code>{row.original.subnets.join(', ')}</code> : <span className="muted">{common.none}</span>) },
      { id: 'containers', header: words.column.containers, accessorFn: (network) => network.used_by.length, meta: { width: 240 }, cell: ({ row }) => <UsedBy names={row.original.used_by} host={row.original.host.name} /> },
      { id: 'id', header: words.column.id, accessorFn: (network) => network.id, meta: { width: 130 }, cell: ({ row }) => <code>{shortId(row.original.id)}</code> },
      {
        id: 'actions',
        enableSorting: false,
        meta: { width: 50 },
        header: () => <span className={list.hidden}>{words.column.actions}</span>,
        cell: ({ row: { original: network } }) => (
          <Menu>
            <Menu.Target>
              <ActionIcon aria-label={common.moreActions(network.name)}>
                <Ellipsis aria-hidden />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<Trash2 aria-hidden />} data-danger disabled={network.stale || BUILT_IN.has(network.name)} title={BUILT_IN.has(network.name) ? words.builtIn : undefined} onClick={() => setRemoving(network)}>
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
      rowKey={(network) => `${network.host.id}/${network.id}`}
      q={search.q}
      onQ={(q) => void navigate({ search: { q }, replace: true })}
      emptyTitle={words.emptyTitle}
      emptyText={words.emptyText}
      phoneRow={(network) => (
        <div className={list.phone}>
          <span className={list.phoneTitle}>{network.name}</span>
          <span className="muted">{network.driver}</span>
          <span className="muted small">{network.host.name}</span>
          <span className="muted small mono">{network.subnets[0] ?? ''}</span>
        </div>
      )}
    >
      {removing && <RemoveNetwork network={removing} onClose={() => setRemoving(null)} />}
    </ObjectList>
  );
}

function RemoveNetwork({ network, onClose }: { network: Network; onClose: () => void }) {
  const say = useJobToast();
  const remove = useMutation({
    mutationFn: () => del<Job | null>(`/hosts/${network.host.id}/networks/${encodeURIComponent(network.id)}`),
    onSuccess: (job) => {
      say(words.removing(network.name), job);
      onClose();
    },
  });
  return (
    <Confirm
      title={words.removeTitle(network.name)}
      text={words.removeText(network.host.name)}
      lost={[{ key: network.id, icon: <NetworkIcon aria-hidden />, text: network.name, right: network.subnets[0] ?? network.driver }]}
      button={words.removeButton}
      busy={remove.isPending}
      refused={remove.error ? [asProblem(remove.error).message, asProblem(remove.error).next].filter(Boolean).join('. ') : null}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    />
  );
}
