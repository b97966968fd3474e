/** A list page of simple objects (images, volumes, networks, audit): filter in the address, facets, table, empty states. */
import { Button } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { useMemo, type ReactNode } from 'react';
import { Page } from '@/app/Page';
import type { Rows } from '@/lib/api/queries';
import { compileFilter, hasTerm, toggleTerm, type Fields } from '@/lib/filter';
import { useCoarseNow } from '@/lib/now';
import { common } from '@/messages';
import { DataTable, type Column } from '@/ui/DataTable';
import { Empty } from '@/ui/Empty';
import { FilterInput } from '@/ui/FilterInput';
import { QueryProblem } from '@/ui/Problem';
import toolbar from '@/ui/Toolbar.module.css';
import { useFilterText } from '@/ui/useFilterText';
import { bySilence, silentNote, type OfHost } from './SilentNote';

interface Props<T> {
  title: string;
  what: string;
  table: string;
  filterLabel: string;
  filterPlaceholder: string;
  query: UseQueryResult<Rows<T>>;
  fields: Fields<T>;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  q: string | undefined;
  onQ: (q: string | undefined) => void;
  facets?: readonly { term: string; label: string; test: (row: T) => boolean }[];
  phoneRow: (row: T) => ReactNode;
  emptyTitle: string;
  emptyText: string;
  actions?: ReactNode;
  children?: ReactNode;
}

/** The audit's entries are of no host's mirror; all else here is. */
const isOfHost = <T extends object>(row: T): row is T & OfHost => 'stale' in row && 'host' in row;

export function ObjectList<T extends object>(props: Props<T>) {
  const { query, fields, facets = [] } = props;
  const { data, error, refetch } = query;
  const filterText = useFilterText(props.q, props.onQ);
  const coarse = useCoarseNow();
  const filter = useMemo(() => compileFilter(filterText.deferred, fields), [filterText.deferred, fields]);
  const all = useMemo(() => [...(data?.rows ?? [])].sort((a, b) => (isOfHost(a) && isOfHost(b) ? bySilence(a, b) : 0)), [data]);
  const rows = useMemo(() => all.filter((row) => filter.matches(row, coarse)), [all, filter, coarse]);
  const note = useMemo(() => silentNote(rows.filter(isOfHost)), [rows]);
  return (
    <Page title={props.title} count={data ? data.count.toLocaleString('en-GB') : undefined} actions={props.actions}>
      <div className={toolbar.tools}>
        <FilterInput {...filterText.props} label={props.filterLabel} placeholder={props.filterPlaceholder} problems={filter.problems} count={rows.length === all.length ? '' : common.shown(rows.length, all.length)} />
        {facets.length > 0 && (
          <div className={toolbar.chips}>
            {facets.map((facet) => (
              <button key={facet.term} type="button" className={toolbar.chip} aria-pressed={hasTerm(filterText.text, facet.term)} onClick={() => filterText.set(toggleTerm(filterText.text, facet.term))}>
                {facet.label} <b>{all.filter(facet.test).length}</b>
              </button>
            ))}
          </div>
        )}
      </div>
      {error && !data ? (
        <div style={{ padding: 16 }}>
          <QueryProblem error={error} onRetry={() => void refetch()} />
        </div>
      ) : (
        <DataTable
          label={props.table}
          rows={rows}
          columns={props.columns}
          rowKey={props.rowKey}
          rowState={(row) => ({ stale: isOfHost(row) && row.stale })}
          rowNote={(row, previous) => (isOfHost(row) ? note(row, previous !== undefined && isOfHost(previous) ? previous : undefined) : null)}
          phoneRow={props.phoneRow}
          footer={data && !data.complete ? <p className={toolbar.cut}>{common.cut(data.rows.length, data.count)}</p> : null}
          empty={
            !data ? (
              <span />
            ) : all.length > 0 ? (
              <Empty title={common.noMatch(props.what)} actions={<Button onClick={() => filterText.set('')}>{common.clearFilter}</Button>}>
                <p>
                  <code>{filterText.text}</code>
                </p>
              </Empty>
            ) : (
              <Empty art="taut" title={props.emptyTitle}>
                <p>{props.emptyText}</p>
              </Empty>
            )
          }
        />
      )}
      {props.children}
    </Page>
  );
}
