/** All jobs, newest first, with the chosen one docked beside the list (a page of its own on a phone). */
import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { Page } from '@/app/Page';
import { jobsQuery, sessionQuery } from '@/lib/api/queries';
import type { Job } from '@/lib/api/types';
import { compileFilter, hasTerm, toggleTerm, type Fields } from '@/lib/filter';
import { formatDuration, formatTime, secondsSince } from '@/lib/format';
import { useCoarseNow, useNow } from '@/lib/now';
import { jobIsOpen, jobLook, tookSeconds, whenOf, type GlyphName, type Tone } from '@/lib/state';
import { common, jobs as words } from '@/messages';
import { DataTable, type Column } from '@/ui/DataTable';
import { Empty } from '@/ui/Empty';
import { FilterInput } from '@/ui/FilterInput';
import { Glyph } from '@/ui/Glyph';
import { QueryProblem } from '@/ui/Problem';
import { StatePill } from '@/ui/StatePill';
import toolbar from '@/ui/Toolbar.module.css';
import { useFilterText } from '@/ui/useFilterText';
import { JobDrawer } from './JobDrawer';
import classes from './JobsPage.module.css';

const jobFields: Fields<Job> = {
  what: { kind: 'text', get: (job) => job.title },
  host: { kind: 'text', get: (job) => job.host?.name ?? '' },
  by: { kind: 'text', get: (job) => job.actor },
  state: { kind: 'text', get: (job) => (job.state === 'succeeded' ? ['succeeded', 'done'] : [job.state]) },
  kind: { kind: 'text', get: (job) => job.kind },
  id: { kind: 'text', get: (job) => String(job.number) },
  after: { kind: 'age', get: (job, now) => secondsSince(job.created_at, now) },
};

const facets: { term: string; label: string; glyph: GlyphName; tone: Tone; test: (job: Job) => boolean }[] = [
  { term: 'state:running', label: words.facets.running, glyph: 'work', tone: 'work', test: (job) => job.state === 'running' },
  { term: 'state:queued', label: words.facets.queued, glyph: 'queue', tone: 'idle', test: (job) => job.state === 'queued' },
  { term: 'state:failed', label: words.facets.failed, glyph: 'bad', tone: 'bad', test: (job) => job.state === 'failed' },
];

/** Where it happened and how it ended, in one line. */
export function jobResult(job: Job): string {
  if (job.state === 'queued') return [job.host?.name, words.waitsFor].filter(Boolean).join(', ');
  return [job.host?.name, job.error?.why].filter(Boolean).join(', ');
}

export function JobsPage() {
  const search = useSearch({ from: '/shell/jobs' });
  const navigate = useNavigate({ from: '/jobs' });
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(jobsQuery);
  const { data: session } = useQuery(sessionQuery);
  const now = useNow();
  const coarse = useCoarseNow();
  const filterText = useFilterText(search.q, (q) => void navigate({ search: (old) => ({ ...old, q }), replace: true }));
  const filter = useMemo(() => compileFilter(filterText.deferred, jobFields), [filterText.deferred]);
  const all = useMemo(() => data?.pages.flatMap((page) => page.results) ?? [], [data]);
  const rows = useMemo(() => all.filter((job) => filter.matches(job, coarse)), [all, filter, coarse]);
  const columns = useMemo(() => jobColumns(search.job !== undefined), [search.job]);
  const open = (job: Job) => void navigate({ search: (old) => ({ ...old, job: job.id }) });
  const mine = `by:${session?.user.username ?? ''}`;
  const count = (state: Job['state']) => all.filter((job) => job.state === state).length;
  return (
    <Page title={words.title} count={data ? words.summary(count('running'), count('queued'), count('failed')) : undefined}>
      <div className={toolbar.tools}>
        <FilterInput {...filterText.props} label={words.filter} placeholder={words.filterPlaceholder} problems={filter.problems} count={rows.length === all.length ? '' : common.shown(rows.length, all.length)} />
        <div className={toolbar.chips}>
          {facets.map((facet) => {
            const number = all.filter(facet.test).length;
            return number > 0 || hasTerm(filterText.text, facet.term) ? (
              <button key={facet.term} type="button" className={toolbar.chip} aria-pressed={hasTerm(filterText.text, facet.term)} onClick={() => filterText.set(toggleTerm(filterText.text, facet.term))}>
                <Glyph name={facet.glyph} tone={facet.tone} /> {facet.label} <b>{number}</b>
              </button>
            ) : null;
          })}
          <button type="button" className={toolbar.chip} aria-pressed={hasTerm(filterText.text, mine)} onClick={() => filterText.set(toggleTerm(filterText.text, mine))}>
            {words.facets.mine} <b>{all.filter((job) => job.actor === session?.user.username).length}</b>
          </button>
        </div>
      </div>
      <div className={classes.split}>
        {error && !data ? (
          <div style={{ padding: 16, flex: 1 }}>
            <QueryProblem error={error} onRetry={() => void refetch()} />
          </div>
        ) : (
          <DataTable
            label={words.table}
            rows={rows}
            columns={columns}
            rowKey={(job) => job.id}
            rowState={(job) => ({ current: job.id === search.job })}
            onOpen={open}
            phoneRow={(job) => <PhoneRow job={job} now={now} />}
            footer={
              hasNextPage ? (
                <p className={classes.more}>
                  <Button onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>
                    {words.more}
                  </Button>
                </p>
              ) : null
            }
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
                <Empty art="taut" title={words.emptyTitle}>
                  <p>{words.emptyText}</p>
                </Empty>
              )
            }
          />
        )}
        {search.job !== undefined && <JobDrawer key={search.job} id={search.job} docked onClose={() => void navigate({ search: (old) => ({ ...old, job: undefined }) })} onOpen={(id) => void navigate({ search: (old) => ({ ...old, job: id }) })} />}
      </div>
    </Page>
  );
}

function When({ job }: { job: Job }) {
  return <span className="muted">{formatTime(job.created_at, useNow(), false)}</span>;
}

function Took({ job }: { job: Job }) {
  const seconds = tookSeconds(job, useNow());
  return <span className="muted">{seconds === null ? common.none : formatDuration(jobIsOpen(job) ? Math.floor(seconds) : seconds)}</span>;
}

function jobColumns(narrow: boolean): Column<Job>[] {
  const columns: Column<Job>[] = [
    {
      id: 'what',
      header: words.column.what,
      accessorFn: (job) => job.title,
      cell: ({ row }) => (
        <Link to="/jobs" search={(old) => ({ ...old, job: row.original.id })} className={classes.title} title={row.original.title}>
          {row.original.title}
        </Link>
      ),
    },
    { id: 'state', header: words.column.state, accessorFn: (job) => job.state, meta: { width: 136 }, cell: ({ row }) => <StatePill look={jobLook(row.original)} /> },
    { id: 'result', header: words.column.result, accessorFn: jobResult, meta: { width: narrow ? 210 : 320 }, cell: ({ row }) => <span className="second" title={jobResult(row.original)}>{jobResult(row.original)}</span> },
  ];
  if (!narrow) columns.push({ id: 'by', header: words.column.by, accessorFn: (job) => job.actor, meta: { width: 130 }, cell: ({ row }) => <span className="second">{row.original.actor}</span> });
  columns.push({ id: 'started', header: words.column.started, accessorFn: (job) => job.created_at, meta: { width: 108, align: 'right' }, cell: ({ row }) => <When job={row.original} /> });
  if (!narrow) {
    columns.push(
      { id: 'took', header: words.column.took, accessorFn: (job) => tookSeconds(job, Date.now()) ?? -1, meta: { width: 92, align: 'right' }, cell: ({ row }) => <Took job={row.original} /> },
      { id: 'id', header: words.column.id, accessorFn: (job) => job.number, meta: { width: 70, align: 'right' }, cell: ({ row }) => <span className="muted">{row.original.number}</span> },
    );
  }
  return columns;
}

function PhoneRow({ job, now }: { job: Job; now: number }) {
  return (
    <Link to="/jobs/$job" params={{ job: job.id }} className={classes.phone}>
      <span className={classes.phoneTitle}>{job.title}</span>
      <StatePill look={jobLook(job)} />
      <span className="second small ellipsis">{jobResult(job)}</span>
      <span className={`${classes.phoneWhen ?? ''} muted small num`}>{jobIsOpen(job) ? whenOf(job, now) : formatTime(job.created_at, now, false)}</span>
    </Link>
  );
}
