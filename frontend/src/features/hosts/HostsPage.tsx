/** All hosts: link, load, findings; the add-host panel floats over the list. */
import { ActionIcon, Button, Menu } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Box, Ellipsis, Lock, LockOpen, Pencil, Plus, Trash2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Page } from '@/app/Page';
import { useAdmin } from '@/features/session/useAdmin';
import { asProblem, patch } from '@/lib/api/client';
import { hostsQuery } from '@/lib/api/queries';
import type { Host } from '@/lib/api/types';
import { compileFilter, hasTerm, toggleTerm, type Fields } from '@/lib/filter';
import { formatBytesOf, formatDuration, formatPercent, formatTime, secondsSince } from '@/lib/format';
import { useNow } from '@/lib/now';
import { CPU_WARN_PERCENT, DISK_WARN_PERCENT, diskFull, hostLook, isSilent, MEMORY_WARN_PERCENT, percent, type GlyphName, type Look, type Tone } from '@/lib/state';
import { common, hosts as words, state as stateWords } from '@/messages';
import { DataTable, type Column } from '@/ui/DataTable';
import { Empty } from '@/ui/Empty';
import { FilterInput } from '@/ui/FilterInput';
import { Glyph } from '@/ui/Glyph';
import { levelOf, Meter } from '@/ui/Meter';
import { LinkGlyph } from '@/ui/Mark';
import { MenuItemLink } from '@/ui/links';
import { QueryProblem } from '@/ui/Problem';
import { StatePill } from '@/ui/StatePill';
import { showToast } from '@/ui/toasts';
import toolbar from '@/ui/Toolbar.module.css';
import { useFilterText } from '@/ui/useFilterText';
import { AddHost } from './AddHost';
import { EditHostDialog } from './EditHostDialog';
import { HostDetail } from './HostDetail';
import classes from './HostsPage.module.css';
import { LinkBars } from './LinkBars';
import { summariseLink } from './linkHistory';
import { RemoveHostDialog } from './RemoveHostDialog';

const hostFields: Fields<Host> = {
  name: { kind: 'text', get: (host) => host.name },
  label: { kind: 'text', get: (host) => Object.entries(host.labels).map(([key, value]) => `${key}=${value}`) },
  state: { kind: 'text', get: (host) => (host.state === 'online' ? ['ready', 'online', ...(host.schedulable ? [] : ['cordoned'])] : [host.state]) },
  version: { kind: 'text', get: (host) => host.version },
  os: { kind: 'text', get: (host) => host.os },
  cpu: { kind: 'number', get: (host) => host.cpu_percent },
  memory: { kind: 'number', get: (host) => percent(host.memory_used_bytes, host.memory_bytes) },
  disk: { kind: 'number', get: (host) => percent(host.disk_used_bytes, host.disk_bytes) },
};

const facets: { term: string; label: string; glyph: GlyphName; tone: Tone; test: (host: Host) => boolean }[] = [
  { term: 'state:ready', label: stateWords.host.ready, glyph: 'run', tone: 'quiet', test: (host) => host.state === 'online' },
  { term: 'disk:>=85', label: 'Disk low', glyph: 'warn', tone: 'warn', test: diskFull },
  { term: 'state:degraded', label: stateWords.host.degraded, glyph: 'warn', tone: 'warn', test: (host) => host.state === 'degraded' },
  { term: 'state:cordoned', label: stateWords.host.cordoned, glyph: 'cordon', tone: 'idle', test: (host) => !host.schedulable },
  { term: 'state:unknown', label: stateWords.unknown, glyph: 'unknown', tone: 'stale', test: (host) => host.state === 'unknown' },
  { term: 'state:offline', label: stateWords.host.offline, glyph: 'bad', tone: 'bad', test: (host) => host.state === 'offline' },
];

/** Trouble first, then by name. */
const rank = (host: Host): number => (isSilent(host) ? 0 : host.state === 'degraded' || diskFull(host) ? 1 : host.state === 'pending' ? 2 : host.schedulable ? 4 : 3);

export function HostsPage() {
  const search = useSearch({ from: '/shell/hosts' });
  const navigate = useNavigate({ from: '/hosts' });
  const { data, error, refetch } = useQuery(hostsQuery);
  const now = useNow();
  const filterText = useFilterText(search.q, (q) => void navigate({ search: (old) => ({ ...old, q }), replace: true }));
  const filter = useMemo(() => compileFilter(filterText.deferred, hostFields), [filterText.deferred]);
  const all = useMemo(() => [...(data?.rows ?? [])].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)), [data]);
  const rows = all.filter((host) => filter.matches(host, now));
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [removing, setRemoving] = useState<Host | null>(null);
  const [editing, setEditing] = useState<Host | null>(null);
  const admin = useAdmin();
  const named = (host: Host) => search.open === host.id || search.open === host.name;
  const opened = (host: Host) => (named(host) || isSilent(host) ? !closed.has(host.id) : false);
  const toggle = (host: Host) => {
    const wasOpen = opened(host);
    setClosed((old) => {
      const next = new Set(old);
      if (wasOpen) next.add(host.id);
      else next.delete(host.id);
      return next;
    });
    void navigate({ search: (old) => ({ ...old, open: wasOpen ? undefined : host.id }), replace: true });
  };
  const columns = useHostColumns(now, { edit: setEditing, remove: setRemoving, toggle, admin });
  const linked = all.filter((host) => host.state === 'online' || host.state === 'degraded').length;
  const adding = search.add !== undefined;
  const setAdding = (on: boolean) => void navigate({ search: (old) => ({ ...old, add: on ? '1' : undefined }), replace: true });

  return (
    <Page
      title={words.title}
      count={data ? words.linked(linked, all.length) : undefined}
      actions={
        <Button variant="filled" disabled={!admin} title={admin ? undefined : words.onlyAdmin} leftSection={<Plus aria-hidden />} onClick={() => setAdding(true)}>
          {words.add}
        </Button>
      }
    >
      <div className={toolbar.tools}>
        <FilterInput {...filterText.props} label={words.filter} placeholder={words.filterPlaceholder} problems={filter.problems} count={rows.length === all.length ? '' : common.shown(rows.length, all.length)} />
        <div className={toolbar.chips}>
          {facets.map((facet) => {
            const count = all.filter(facet.test).length;
            return count > 0 || hasTerm(filterText.text, facet.term) ? (
              <button key={facet.term} type="button" className={toolbar.chip} aria-pressed={hasTerm(filterText.text, facet.term)} onClick={() => filterText.set(toggleTerm(filterText.text, facet.term))}>
                <Glyph name={facet.glyph} tone={facet.tone} /> {facet.label} <b>{count}</b>
              </button>
            ) : null;
          })}
        </div>
      </div>
      {error && !data ? (
        <div style={{ padding: 16 }}>
          <QueryProblem error={error} onRetry={() => void refetch()} />
        </div>
      ) : (
        <DataTable
          label={words.table}
          rows={rows}
          columns={columns}
          rowKey={(host) => host.id}
          rowState={(host) => ({ stale: isSilent(host), current: named(host) && !isSilent(host) })}
          rowDetail={(host) => (opened(host) ? <HostDetail host={host} now={now} /> : null)}
          onOpen={toggle}
          height="tall"
          phoneRow={(host) => <HostPhoneRow host={host} now={now} opened={opened(host)} onToggle={() => toggle(host)} />}
          footer={rows.length > 0 ? <Legend /> : null}
          empty={
            !data ? (
              <span />
            ) : all.length > 0 ? (
              <Empty title={common.noMatch(words.what)} actions={<Button onClick={() => filterText.set('')}>{common.clearFilter}</Button>}>
                <p>
                  <code>{filterText.text}</code>
                </p>
              </Empty>
            ) : (
              <Empty
                art="slack"
                title={words.emptyTitle}
                actions={
                  <Button variant="filled" leftSection={<Plus aria-hidden />} onClick={() => setAdding(true)}>
                    {words.addFirst}
                  </Button>
                }
              >
                <p>{words.emptyText}</p>
              </Empty>
            )
          }
        />
      )}
      {adding && <AddHost onClose={() => setAdding(false)} now={now} onOpenHost={(id) => void navigate({ search: { open: id }, replace: true })} />}
      {removing && <RemoveHostDialog host={removing} onClose={() => setRemoving(null)} />}
      {editing && <EditHostDialog host={editing} onClose={() => setEditing(null)} />}
    </Page>
  );
}

function Legend() {
  return (
    <p className={classes.legend}>
      <span>
        <LinkBars bars={['up', 'up']} label={words.legend.linked} /> {words.legend.linked}
      </span>
      <span>
        <LinkBars bars={['break']} label={words.legend.broken} /> {words.legend.broken}
      </span>
      <span>
        <LinkBars bars={['unknown', 'unknown']} label={words.legend.unknown} /> {words.legend.unknown}
      </span>
      <span>
        <LinkBars bars={['before', 'before']} label={words.legend.before} /> {words.legend.before}
      </span>
      <span className={classes.legendNote}>{words.legend.note}</span>
    </p>
  );
}

interface HostActs {
  edit: (host: Host) => void;
  remove: (host: Host) => void;
  toggle: (host: Host) => void;
  admin: boolean;
}

function Load({ host, value, known, of, warnAt, now }: { host: Host; value: number; known: boolean; of: string; warnAt: number; now: number }) {
  if (!known) return <span className="muted">{common.none}</span>;
  if (isSilent(host)) {
    return (
      <>
        <span>{formatPercent(Math.round(value))}</span>
        <span className={classes.second}>{host.last_seen_at ? words.at(formatTime(host.last_seen_at, now, false)) : ''}</span>
      </>
    );
  }
  const level = levelOf(value, warnAt);
  return (
    <>
      <span className="row num">
        <Meter percent={value} level={level} />
        <span className={level === 'warn' ? 'warn' : undefined}>{formatPercent(Math.round(value))}</span>
      </span>
      <span className={classes.second}>{of}</span>
    </>
  );
}

/** The finding that degrades a host has a line of its own here. */
function withoutDetail(look: Look): Look {
  return { glyph: look.glyph, tone: look.tone, word: look.word, loud: look.loud };
}

function stateSecond(host: Host, now: number): string {
  if (isSilent(host)) return words.since(formatTime(host.last_seen_at ?? host.since, now));
  if (host.state === 'pending') return '';
  const seconds = secondsSince(host.last_seen_at, now);
  if (host.state === 'degraded') return words.findingsTitle(host.findings.length);
  return seconds === null ? '' : words.seen(formatDuration(Math.max(1, Math.floor(seconds))));
}

function linkWords(host: Host, now: number): string {
  const { breaks, longestSeconds, bars } = summariseLink(host, now);
  if (host.state === 'unknown') return words.nowUnknown(breaks);
  if (breaks > 0) return words.breaks(breaks, formatDuration(Math.ceil(longestSeconds)));
  return bars[0] === 'before' ? words.addedToday : words.noBreaks;
}

/** "Debian GNU/Linux 12 (bookworm)" → "Debian 12". */
const shortOs = (os: string): string => os.replace(' GNU/Linux', '').replace(/ \(.*\)$/, '');

function useHostColumns(now: number, acts: HostActs): Column<Host>[] {
  return [
    {
      id: 'name',
      header: words.column.host,
      accessorFn: (host) => host.name,
      meta: { width: 196 },
      cell: ({ row: { original: host } }) => (
        <>
          <span className="row">
            <LinkGlyph up={!isSilent(host) && host.state !== 'pending'} label={isSilent(host) ? stateWords.linkLost : stateWords.linked} />
            <button type="button" className={classes.name} aria-expanded={undefined} onClick={() => acts.toggle(host)}>
              {host.name}
            </button>
          </span>
          <span className={classes.second}>{[shortOs(host.os), host.kernel].filter(Boolean).join(' · ')}</span>
        </>
      ),
    },
    {
      id: 'state',
      header: words.column.state,
      accessorFn: rank,
      meta: { width: 164 },
      cell: ({ row: { original: host } }) => {
        const look = hostLook(host, now);
        return (
          <>
            <StatePill look={host.state === 'degraded' ? withoutDetail(look) : look} />
            <span className={classes.second}>{host.state === 'degraded' ? (host.findings[0]?.title ?? '') : stateSecond(host, now)}</span>
          </>
        );
      },
    },
    { id: 'cpu', header: words.column.cpu, accessorFn: (host) => host.cpu_percent ?? -1, meta: { width: 104 }, cell: ({ row: { original: host } }) => <Load host={host} value={host.cpu_percent ?? 0} known={host.cpu_percent !== null} of={host.cpus === null ? '' : words.ofCores(host.cpus)} warnAt={CPU_WARN_PERCENT} now={now} /> },
    {
      id: 'memory',
      header: words.column.memory,
      accessorFn: (host) => percent(host.memory_used_bytes, host.memory_bytes),
      meta: { width: 112 },
      cell: ({ row: { original: host } }) => <Load host={host} value={percent(host.memory_used_bytes, host.memory_bytes)} known={host.memory_used_bytes !== null} of={formatBytesOf(host.memory_used_bytes ?? 0, host.memory_bytes ?? 0)} warnAt={MEMORY_WARN_PERCENT} now={now} />,
    },
    {
      id: 'disk',
      header: words.column.disk,
      accessorFn: (host) => percent(host.disk_used_bytes, host.disk_bytes),
      meta: { width: 112 },
      cell: ({ row: { original: host } }) => <Load host={host} value={percent(host.disk_used_bytes, host.disk_bytes)} known={host.disk_used_bytes !== null} of={formatBytesOf(host.disk_used_bytes ?? 0, host.disk_bytes ?? 0)} warnAt={DISK_WARN_PERCENT} now={now} />,
    },
    {
      id: 'containers',
      header: words.column.containers,
      accessorFn: (host) => host.containers_total,
      meta: { width: 90, align: 'right' },
      cell: ({ row: { original: host } }) => (
        <>
          {host.containers_total}
          <span className={classes.second}>{words.running(host.containers_running)}</span>
        </>
      ),
    },
    {
      id: 'link',
      header: words.column.link,
      enableSorting: false,
      meta: { width: 148 },
      cell: ({ row: { original: host } }) => (
        <>
          <LinkBars bars={summariseLink(host, now).bars} />
          <span className={classes.second}>{linkWords(host, now)}</span>
        </>
      ),
    },
    {
      id: 'version',
      header: words.column.version,
      accessorFn: (host) => host.version,
      meta: { width: 110 },
      cell: ({ row: { original: host } }) => (
        <>
          {host.version ? words.engine(host.version) : <span className="muted">{common.none}</span>}
          <span className={classes.second}>{host.runtime}</span>
        </>
      ),
    },
    {
      id: 'labels',
      header: words.column.labels,
      enableSorting: false,
      cell: ({ row: { original: host } }) => (
        <span className={classes.labels}>
          {Object.entries(host.labels)
            .slice(0, 2)
            .map(([key, value]) => (
              <span key={key} className={toolbar.label} title={`${key}=${value}`}>
                {key}={value}
              </span>
            ))}
        </span>
      ),
    },
    {
      id: 'actions',
      enableSorting: false,
      meta: { width: 50, className: classes.act },
      header: () => <span className={classes.hidden}>{words.column.actions}</span>,
      cell: ({ row: { original: host } }) => <HostMenu host={host} acts={acts} />,
    },
  ];
}

function HostMenu({ host, acts }: { host: Host; acts: HostActs }) {
  const client = useQueryClient();
  const schedule = () => {
    patch<Host>(`/hosts/${host.id}`, { schedulable: !host.schedulable }).then(
      () => client.invalidateQueries({ queryKey: ['hosts'] }),
      (error: unknown) => showToast({ tone: 'bad', title: asProblem(error).what, detail: asProblem(error).next }),
    );
  };
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon aria-label={common.moreActions(host.name)}>
          <Ellipsis aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <MenuItemLink to="/containers" search={{ host: host.name }} leftSection={<Box aria-hidden />} rightSection={host.containers_total}>
          {words.showContainers}
        </MenuItemLink>
        {acts.admin && (
          <>
            <Menu.Divider />
            <Menu.Item leftSection={host.schedulable ? <Lock aria-hidden /> : <LockOpen aria-hidden />} rightSection={host.schedulable ? words.cordonHint : undefined} onClick={schedule}>
              {host.schedulable ? words.cordon : words.uncordon}
            </Menu.Item>
            <Menu.Item leftSection={<Pencil aria-hidden />} onClick={() => acts.edit(host)}>
              {words.rename}
            </Menu.Item>
            <Menu.Divider />
            <Menu.Item leftSection={<Trash2 aria-hidden />} data-danger onClick={() => acts.remove(host)}>
              {words.remove}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function HostPhoneRow({ host, now, opened, onToggle }: { host: Host; now: number; opened: boolean; onToggle: () => void }) {
  return (
    <div className={classes.phone}>
      <button type="button" className={classes.phoneHead} aria-expanded={opened} onClick={onToggle}>
        <span className="row">
          <LinkGlyph up={!isSilent(host)} label={isSilent(host) ? stateWords.linkLost : stateWords.linked} />
          <b>{host.name}</b>
        </span>
        <StatePill look={host.state === 'degraded' ? withoutDetail(hostLook(host, now)) : hostLook(host, now)} />
        <span className={classes.second}>{words.containers(host.containers_total)}</span>
        <span className={classes.second}>
          {host.cpu_percent !== null && `CPU ${formatPercent(Math.round(host.cpu_percent))}, `}
          {host.disk_used_bytes !== null && `disk ${formatPercent(Math.round(percent(host.disk_used_bytes, host.disk_bytes)))}`}
        </span>
      </button>
      {opened && <HostDetail host={host} now={now} />}
    </div>
  );
}
