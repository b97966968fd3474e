/** Networks of all hosts. */
import { Button, Menu, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Box, Network as NetworkIcon, Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { createdColumn, hostColumn, menuColumn, PhoneRow, usedByColumn } from '@/features/objects/columns';
import { CreateObject, RemoveObject } from '@/features/objects/dialogs';
import { ObjectList } from '@/features/objects/ObjectList';
import list from '@/features/objects/ObjectList.module.css';
import { networksQuery } from '@/lib/api/queries';
import type { Network } from '@/lib/api/types';
import type { Fields } from '@/lib/filter';
import { secondsSince, shortId } from '@/lib/format';
import { common, networks as words, objects } from '@/messages';
import type { Column } from '@/ui/DataTable';

const BUILT_IN = new Set(['bridge', 'host', 'none']);

const fields: Fields<Network> = {
  name: { kind: 'text', get: (network) => network.name },
  host: { kind: 'text', get: (network) => network.host.name },
  driver: { kind: 'text', get: (network) => network.driver },
  subnet: { kind: 'text', get: (network) => network.subnets },
  label: { kind: 'text', get: (network) => Object.entries(network.labels).map(([key, value]) => `${key}=${value}`) },
  by: { kind: 'text', get: (network) => network.used_by },
  id: { kind: 'text', get: (network) => network.id },
  containers: { kind: 'number', get: (network) => network.used_by.length },
  created: { kind: 'age', get: (network, now) => secondsSince(network.created_at, now) },
};

const facets = [{ term: '-name:bridge,host,none', label: words.own, test: (network: Network) => !BUILT_IN.has(network.name) }];

function RemoveItem({ network, onRemove }: { network: Network; onRemove: (network: Network) => void }) {
  const builtIn = BUILT_IN.has(network.name);
  return (
    <Menu.Item leftSection={<Trash2 aria-hidden />} data-danger disabled={network.stale || builtIn} title={builtIn ? words.builtIn : undefined} onClick={() => onRemove(network)}>
      {words.remove}
    </Menu.Item>
  );
}

export function NetworksPage() {
  const search = useSearch({ from: '/shell/networks' });
  const navigate = useNavigate({ from: '/networks' });
  const query = useQuery(networksQuery);
  const [removing, setRemoving] = useState<Network | null>(null);
  const [creating, setCreating] = useState(false);
  const columns = useMemo<Column<Network>[]>(
    () => [
      {
        id: 'name',
        header: words.column.name,
        accessorFn: (network) => network.name,
        cell: ({ row: { original: network } }) => (
          <span className="row">
            <span className={list.name} title={network.name}>
              {network.name}
            </span>
            {network.internal && <span className="muted small">{words.internal}</span>}
          </span>
        ),
      },
      hostColumn(),
      { id: 'driver', header: words.column.driver, accessorFn: (network) => network.driver, meta: { width: 80 }, cell: ({ row }) => <span className="second">{row.original.driver}</span> },
      { id: 'subnet', header: words.column.subnet, accessorFn: (network) => network.subnets[0] ?? '', meta: { width: 170 }, cell: ({ row }) => (row.original.subnets.length > 0 ? <code title={row.original.subnets.join(', ')}>{row.original.subnets.join(', ')}</code> : <span className="muted">{common.none}</span>) },
      usedByColumn(words.column.containers, 220),
      { id: 'id', header: objects.column.id, accessorFn: (network) => network.id, meta: { width: 130 }, cell: ({ row }) => <code>{shortId(row.original.id)}</code> },
      createdColumn(),
      menuColumn(
        (network) => network.name,
        (network) => <RemoveItem network={network} onRemove={setRemoving} />,
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
      rowKey={(network) => `${network.host.id}/${network.id}`}
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
      phoneRow={(network) => <PhoneRow title={network.name} right={<span className="muted">{network.driver}</span>} below={network.host.name} belowRight={<span className="mono">{network.subnets[0] ?? ''}</span>} name={network.name} menu={<RemoveItem network={network} onRemove={setRemoving} />} />}
    >
      {removing && (
        <RemoveObject
          title={words.removeTitle(removing.name)}
          text={words.removeText(removing.host.name)}
          lost={[{ key: removing.id, icon: <NetworkIcon aria-hidden />, text: removing.name, right: removing.subnets[0] ?? removing.driver }, ...removing.used_by.map((name) => ({ key: name, icon: <Box aria-hidden />, text: name, right: words.removeUsed }))]}
          button={words.removeButton}
          path={`/hosts/${removing.host.id}/networks/${encodeURIComponent(removing.id)}`}
          started={words.removing(removing.name)}
          onClose={() => setRemoving(null)}
        />
      )}
      {creating && <CreateNetwork onClose={() => setCreating(false)} />}
    </ObjectList>
  );
}

/** Near enough to catch a slip; the host has the last word. */
const SUBNET = /^[0-9a-fA-F.:]+\/\d{1,3}$/;

function CreateNetwork({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [subnet, setSubnet] = useState('');
  const [internal, setInternal] = useState(false);
  const badSubnet = subnet.trim() !== '' && !SUBNET.test(subnet.trim());
  return (
    <CreateObject
      title={words.createTitle}
      text={words.createText}
      button={words.createButton}
      ready={name.trim() !== '' && !badSubnet}
      path="/networks"
      body={(host) => ({ host, name: name.trim(), internal, ...(subnet.trim() ? { subnet: subnet.trim() } : {}) })}
      started={(host) => words.creating(name.trim(), host)}
      onClose={onClose}
    >
      <TextInput label={words.column.name} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="off" spellCheck={false} data-autofocus />
      <TextInput label={words.subnetLabel} description={words.subnetHint} placeholder="10.20.0.0/24" value={subnet} onChange={(event) => setSubnet(event.currentTarget.value)} error={badSubnet ? words.badSubnet : null} autoComplete="off" spellCheck={false} />
      <label className="row">
        <input type="checkbox" className="checkbox" checked={internal} onChange={(event) => setInternal(event.target.checked)} /> {words.internalLabel}
      </label>
    </CreateObject>
  );
}
