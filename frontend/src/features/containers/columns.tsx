/** The columns of the container table. */
import { ActionIcon, Menu } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Ellipsis, ScrollText, SquareTerminal } from 'lucide-react';
import { useMemo } from 'react';
import type { Container, Host } from '@/lib/api/types';
import { Age } from '@/features/objects/columns';
import { shortId } from '@/lib/format';
import { useNow } from '@/lib/now';
import { containerLook, containerRank, healthLook } from '@/lib/state';
import { common, containers as words, state as stateWords } from '@/messages';
import type { Column } from '@/ui/DataTable';
import { StatePill } from '@/ui/StatePill';
import { ActionItems } from './ActionItems';
import type { ActionName } from './actions';
import { ImageName, Ports, projectOf, publishedPorts } from './cells';
import classes from './columns.module.css';
import { CpuCell, MemoryCell } from './UsageCells';
import { ActionIconLink } from '@/ui/links';

interface Options {
  selected: ReadonlySet<string>;
  rows: readonly Container[];
  toggle: (container: Container) => void;
  toggleAll: () => void;
  ask: (action: ActionName, targets: readonly Container[]) => void;
  hosts: readonly Host[];
}

export function StateCell({ container }: { container: Container }) {
  return <StatePill look={containerLook(container, useNow())} />;
}

export function HealthCell({ container }: { container: Container }) {
  const look = healthLook(container);
  if (container.stale) return <span>{look ? stateWords.was(look.word) : stateWords.noCheck.toLowerCase()}</span>;
  if (!look) return <span className="muted">{container.state === 'running' ? stateWords.noCheck : common.none}</span>;
  return <StatePill look={look} />;
}

function RowActions({ container, ask }: { container: Container; ask: Options['ask'] }) {
  const params = { host: container.host.id, id: shortId(container.id) };
  return (
    <span className={classes.actions}>
      <ActionIconLink to="/containers/$host/$id/logs" params={params} size={24} aria-label={`${words.action.logs}: ${container.name}`} title={words.action.logs}>
        <ScrollText aria-hidden />
      </ActionIconLink>
      <ActionIconLink to="/containers/$host/$id/terminal" params={params} size={24} aria-label={`${words.action.terminal}: ${container.name}`} title={words.action.terminal}>
        <SquareTerminal aria-hidden />
      </ActionIconLink>
      <Menu>
        <Menu.Target>
          <ActionIcon size={24} aria-label={common.moreActions(container.name)}>
            <Ellipsis aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <ActionItems container={container} ask={ask} />
        </Menu.Dropdown>
      </Menu>
    </span>
  );
}

export function useContainerColumns({ selected, rows, toggle, toggleAll, ask, hosts }: Options): Column<Container>[] {
  const some = selected.size > 0;
  const every = some && rows.length > 0 && rows.every((row) => selected.has(`${row.host.id}/${row.id}`));
  return useMemo(() => {
    const hostOf = new Map(hosts.map((host) => [host.id, host]));
    const columns: Column<Container>[] = [
      {
        id: 'select',
        enableSorting: false,
        meta: { width: 38, className: classes.clip },
        header: () => (
          <input
            type="checkbox"
            className="checkbox"
            aria-label={common.selectAll}
            checked={every}
            ref={(node) => {
              if (node) node.indeterminate = some && !every;
            }}
            onChange={toggleAll}
          />
        ),
        cell: ({ row }) => <input type="checkbox" className="checkbox" aria-label={common.select(row.original.name)} checked={selected.has(row.id)} onChange={() => toggle(row.original)} />,
      },
      {
        id: 'name',
        header: words.column.name,
        accessorFn: (row) => row.name,
        meta: { width: 186 },
        cell: ({ row: { original: container } }) => (
          <>
            <Link to="/containers/$host/$id" params={{ host: container.host.id, id: shortId(container.id) }} className={classes.name} title={container.name}>
              {container.name}
            </Link>
            {projectOf(container) && <span className={classes.note}>{projectOf(container)}</span>}
          </>
        ),
      },
      { id: 'state', header: words.column.state, accessorFn: containerRank, meta: { width: 168, className: classes.clip }, cell: ({ row }) => <StateCell container={row.original} /> },
      { id: 'health', header: words.column.health, accessorFn: (row) => row.health ?? '', meta: { width: 108, className: classes.clip }, cell: ({ row }) => <HealthCell container={row.original} /> },
      { id: 'image', header: words.column.image, accessorFn: (row) => row.image, cell: ({ row }) => <ImageName image={row.original.image} /> },
      {
        id: 'host',
        header: words.column.host,
        accessorFn: (row) => row.host.name,
        meta: { width: 132 },
        cell: ({ row }) => (
          <Link to="/hosts" search={{ open: row.original.host.id }} className={classes.host} title={row.original.host.name}>
            {row.original.host.name}
          </Link>
        ),
      },
      { id: 'ports', header: words.column.ports, accessorFn: (row) => publishedPorts(row)[0]?.public ?? Infinity, meta: { width: 132, className: classes.clip }, cell: ({ row }) => <Ports container={row.original} /> },
      { id: 'cpu', header: words.column.cpu, enableSorting: false, meta: { width: 106, align: 'right' }, cell: ({ row }) => <CpuCell container={row.original} host={hostOf.get(row.original.host.id)} /> },
      { id: 'memory', header: words.column.memory, enableSorting: false, meta: { width: 112, align: 'right' }, cell: ({ row }) => <MemoryCell container={row.original} host={hostOf.get(row.original.host.id)} /> },
      { id: 'restarts', header: words.column.restarts, accessorFn: (row) => row.restart_count, meta: { width: 78, align: 'right' }, cell: ({ row }) => row.original.restart_count },
      { id: 'project', header: words.column.project, accessorFn: projectOf, meta: { width: 110 }, cell: ({ row }) => projectOf(row.original) || <span className="muted">{common.none}</span> },
      { id: 'networks', header: words.column.networks, accessorFn: (row) => row.networks.join(), meta: { width: 120 }, cell: ({ row }) => row.original.networks.join(', ') || <span className="muted">{common.none}</span> },
      { id: 'command', header: words.column.command, accessorFn: (row) => row.command, meta: { width: 180 }, cell: ({ row }) => <code title={row.original.command}>{row.original.command}</code> },
      { id: 'id', header: words.column.id, accessorFn: (row) => row.id, meta: { width: 110 }, cell: ({ row }) => <code>{shortId(row.original.id)}</code> },
      { id: 'created', header: words.column.created, accessorFn: (row) => -Date.parse(row.created_at ?? ''), meta: { width: 78, align: 'right', className: classes.age }, cell: ({ row }) => <Age iso={row.original.created_at} /> },
      {
        id: 'actions',
        enableSorting: false,
        meta: { width: 1, className: classes.actionCell },
        header: () => <span className={classes.hidden}>{words.column.actions}</span>,
        cell: ({ row }) => <RowActions container={row.original} ask={ask} />,
      },
    ];
    return columns;
  }, [selected, some, every, toggle, toggleAll, ask, hosts]);
}
