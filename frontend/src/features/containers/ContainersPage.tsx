/** All containers of all hosts: views, filter, facets, table, bulk bar. */
import { Button, Menu } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { SortingState } from '@tanstack/react-table';
import { ChevronDown, Plus } from 'lucide-react';
import { useCallback, useDeferredValue, useMemo, useState } from 'react';
import { Page } from '@/app/Page';
import { containersQuery, hostsQuery } from '@/lib/api/queries';
import type { Container } from '@/lib/api/types';
import { compileFilter, hasTerm, toggleTerm } from '@/lib/filter';
import { shortId } from '@/lib/format';
import { useCoarseNow } from '@/lib/now';
import { containerRank, needsAttention, type GlyphName, type Tone } from '@/lib/state';
import { common, containers as words, state as stateWords } from '@/messages';
import { DataTable } from '@/ui/DataTable';
import { FilterInput } from '@/ui/FilterInput';
import { Glyph } from '@/ui/Glyph';
import { QueryProblem } from '@/ui/Problem';
import { cx } from '@/ui/cx';
import toolbar from '@/ui/Toolbar.module.css';
import { bySilence, silentNote } from '@/features/objects/SilentNote';
import { ActionDialog, askOrAct, type Asked } from './ActionDialog';
import { useAct, type ActionName } from './actions';
import { BulkBar } from './BulkBar';
import { ColumnMenu } from './ColumnMenu';
import { useContainerColumns } from './columns';
import { ContainersEmpty } from './ContainersEmpty';
import { containerFields } from './fields';
import { PhoneRow } from './PhoneRow';
import { useColumnChoice } from './useColumnChoice';
import { ButtonLink } from '@/ui/links';

export const rowKey = (container: Container): string => `${container.host.id}/${container.id}`;

const facets: { key: string; term: string; label: string; glyph: GlyphName; tone: Tone; test: (container: Container) => boolean }[] = [
  { key: 'unhealthy', term: 'health:unhealthy', label: words.facetUnhealthy, glyph: 'bad', tone: 'bad', test: (c) => c.health === 'unhealthy' && !c.stale },
  { key: 'restarting', term: 'state:restarting', label: stateWords.container.restarting, glyph: 'loop', tone: 'warn', test: (c) => c.state === 'restarting' && !c.stale },
  { key: 'paused', term: 'state:paused', label: stateWords.container.paused, glyph: 'pause', tone: 'warn', test: (c) => c.state === 'paused' && !c.stale },
  { key: 'running', term: 'state:running', label: stateWords.container.running, glyph: 'run', tone: 'quiet', test: (c) => c.state === 'running' && !c.stale },
  { key: 'exited', term: 'state:exited', label: stateWords.container.exited, glyph: 'idle', tone: 'idle', test: (c) => c.state === 'exited' && !c.stale },
  { key: 'created', term: 'state:created', label: stateWords.container.created, glyph: 'idle', tone: 'idle', test: (c) => c.state === 'created' && !c.stale },
  { key: 'unknown', term: 'state:unknown', label: stateWords.unknown, glyph: 'unknown', tone: 'stale', test: (c) => c.stale },
];

const views: { key: string; label: string; test: (container: Container) => boolean }[] = [
  { key: '', label: words.view.all, test: () => true },
  { key: 'attention', label: words.view.attention, test: needsAttention },
  { key: 'running', label: words.view.running, test: (c) => c.state === 'running' },
  { key: 'stopped', label: words.view.stopped, test: (c) => c.state !== 'running' && c.state !== 'restarting' },
];

/** Trouble first; inside a rank by name; rows of a silent host stay together at the end. */
function byTrouble(a: Container, b: Container): number {
  return bySilence(a, b) || containerRank(a) - containerRank(b) || a.name.localeCompare(b.name);
}

function parseSort(sort: string | undefined): SortingState {
  if (!sort) return [];
  return sort.startsWith('-') ? [{ id: sort.slice(1), desc: true }] : [{ id: sort, desc: false }];
}

export function ContainersPage() {
  const search = useSearch({ from: '/shell/containers' });
  const navigate = useNavigate({ from: '/containers' });
  const { data, error, refetch } = useQuery(containersQuery);
  const { data: hosts } = useQuery(hostsQuery);
  // The filter's ages move with this one: a list that reorders itself each second cannot be read.
  const coarse = useCoarseNow();
  const [typed, setTyped] = useState({ url: search.q ?? '', text: search.q ?? '' });
  // A link or the back button changes the address: then the box follows it.
  if (typed.url !== (search.q ?? '')) setTyped({ url: search.q ?? '', text: search.q ?? '' });
  const query = useDeferredValue(typed.text);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState<Asked | null>(null);
  const act = useAct();
  const choice = useColumnChoice();

  const setSearch = useCallback((change: Partial<typeof search>, replace = true) => void navigate({ search: (old) => ({ ...old, ...change }), replace }), [navigate]);
  const settle = (text: string) => {
    setTyped({ url: text, text });
    setSearch({ q: text });
  };
  const setQuery = (text: string) => settle(text);

  const hostFilter = useMemo(() => new Set((search.host ?? '').split(',').filter(Boolean)), [search.host]);
  const view = views.find((each) => each.key === (search.view ?? '')) ?? views[0];
  const filter = useMemo(() => compileFilter(query, containerFields), [query]);
  const all = useMemo(() => [...(data?.rows ?? [])].sort(byTrouble), [data]);
  const rows = useMemo(
    () => all.filter((row) => (view?.test(row) ?? true) && (hostFilter.size === 0 || hostFilter.has(row.host.name)) && filter.matches(row, coarse)),
    [all, view, hostFilter, filter, coarse],
  );
  const note = useMemo(() => silentNote(rows), [rows]);
  const chosen = useMemo(() => all.filter((row) => selected.has(rowKey(row))), [all, selected]);
  const counts = useMemo(() => facets.map((facet) => all.filter(facet.test).length), [all]);
  const viewCounts = useMemo(() => views.map((each) => all.filter(each.test).length), [all]);

  const open = useCallback(
    (container: Container, tab: '' | '/logs' | '/terminal' = '') => void navigate({ to: `/containers/$host/$id${tab}`, params: { host: container.host.id, id: shortId(container.id) } }),
    [navigate],
  );
  const ask = useCallback(
    (action: ActionName, targets: readonly Container[]) => {
      setAsked(askOrAct(act, action, targets));
    },
    [act],
  );
  const toggle = useCallback((container: Container) => {
    setSelected((old) => {
      const next = new Set(old);
      if (!next.delete(rowKey(container))) next.add(rowKey(container));
      return next;
    });
  }, []);
  const toggleAll = () => setSelected(chosen.length > 0 ? new Set() : new Set(rows.map(rowKey)));
  const columns = useContainerColumns({ selected, rows, toggle, toggleAll, ask, hosts: hosts?.rows ?? [] });
  const hostNames = hosts?.rows.map((host) => host.name) ?? [];

  const content =
    error && !data ? (
      <div style={{ padding: 16 }}>
        <QueryProblem error={error} onRetry={() => void refetch()} />
      </div>
    ) : (
      <DataTable
        label={words.table}
        rows={rows}
        columns={columns}
        rowKey={rowKey}
        rowState={(row) => ({ stale: row.stale, selected: selected.has(rowKey(row)) })}
        rowNote={note}
        onOpen={(row) => open(row)}
        rowKeys={{ x: toggle, l: (row) => open(row, '/logs'), t: (row) => open(row, '/terminal'), s: (row) => ask('stop', [row]), r: (row) => ask('restart', [row]) }}
        phoneRow={(row) => <PhoneRow container={row} ask={ask} />}
        sorting={parseSort(search.sort)}
        onSortingChange={(next) => setSearch({ sort: next[0] ? `${next[0].desc ? '-' : ''}${next[0].id}` : undefined })}
        visibility={choice.visibility}
        height={choice.density}
        padEnd={chosen.length > 0}
        empty={data ? <ContainersEmpty query={typed.text} filter={filter} all={all} hosts={hosts?.rows.length ?? 0} onQuery={setQuery} /> : <span />}
        footer={data && !data.complete ? <p className={toolbar.cut}>{common.cut(data.rows.length, data.count)}</p> : null}
      />
    );

  return (
    <Page
      title={words.title}
      count={data && hosts ? common.onHosts(data.count, hosts.rows.length) : undefined}
      actions={
        <ButtonLink to="/run" variant="filled" leftSection={<Plus aria-hidden />}>
          <span className="desk">{words.run}</span>
          <span className="phone-only">{words.runShort}</span>
        </ButtonLink>
      }
    >
      <nav className={toolbar.views} aria-label={words.views}>
        {views.map((each, index) => (
          <button key={each.key} type="button" aria-current={each === view || undefined} onClick={() => setSearch({ view: each.key || undefined }, false)}>
            {each.key === 'attention' && (viewCounts[index] ?? 0) > 0 && <Glyph name="bad" tone="bad" />}
            {each.label} <span className={toolbar.n}>{viewCounts[index]}</span>
          </button>
        ))}
      </nav>
      <div className={toolbar.tools}>
        <FilterInput
          label={words.filter}
          placeholder={words.filterPlaceholder}
          value={typed.text}
          onInput={(text) => setTyped((old) => ({ ...old, text }))}
          onSettled={settle}
          count={data ? (rows.length === all.length ? '' : common.shown(rows.length, all.length)) : ''}
          problems={filter.problems}
        />
        <div className={toolbar.chips}>
          {facets.map((facet, index) =>
            counts[index] || hasTerm(typed.text, facet.term) ? (
              <button key={facet.key} type="button" className={cx(toolbar.chip)} aria-pressed={hasTerm(typed.text, facet.term)} onClick={() => setQuery(toggleTerm(typed.text, facet.term))}>
                <Glyph name={facet.glyph} tone={facet.tone} /> {facet.label} <b>{counts[index]}</b>
              </button>
            ) : null,
          )}
        </div>
        {hostNames.length > 1 && (
          <Menu closeOnItemClick={false}>
            <Menu.Target>
              <Button variant="subtle" className="desk" rightSection={<ChevronDown aria-hidden />}>
                {hostFilter.size === 0 ? words.hostAll : words.hostSome([...hostFilter].join(', '))}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {hostNames.map((name) => (
                <Menu.Item
                  key={name}
                  role="menuitemcheckbox"
                  aria-checked={hostFilter.has(name)}
                  leftSection={<input type="checkbox" className="checkbox" readOnly tabIndex={-1} aria-hidden="true" checked={hostFilter.has(name)} />}
                  rightSection={all.filter((row) => row.host.name === name).length}
                  onClick={() => {
                    const next = new Set(hostFilter);
                    if (!next.delete(name)) next.add(name);
                    setSearch({ host: [...next].join(',') || undefined });
                  }}
                >
                  {name}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        )}
        <span className="desk">
          <ColumnMenu choice={choice} />
        </span>
      </div>
      {content}
      {chosen.length > 0 && <BulkBar chosen={chosen} ask={ask} onClear={() => setSelected(new Set())} />}
      {asked && <ActionDialog asked={asked} act={act} onClose={() => setAsked(null)} onDone={() => setSelected(new Set())} />}
    </Page>
  );
}
