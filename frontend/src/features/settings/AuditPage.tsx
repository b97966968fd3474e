/** Who did what to which object, and what came of it. */
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Lock } from 'lucide-react';
import { useMemo } from 'react';
import { Page } from '@/app/Page';
import { useAdmin } from '@/features/session/useAdmin';
import { auditQuery } from '@/lib/api/queries';
import type { AuditEntry } from '@/lib/api/types';
import type { Fields } from '@/lib/filter';
import { formatTime, secondsSince } from '@/lib/format';
import { useNow } from '@/lib/now';
import { audit as words, common } from '@/messages';
import type { Column } from '@/ui/DataTable';
import { Empty } from '@/ui/Empty';
import { Glyph } from '@/ui/Glyph';
import { PhoneRow } from '@/features/objects/columns';
import { ObjectList } from '@/features/objects/ObjectList';
import list from '@/features/objects/ObjectList.module.css';

const objectOf = (entry: AuditEntry): string => entry.target.name || entry.target.id || entry.host_name;
const resultOf = (entry: AuditEntry): string => (entry.decision === 'denied' ? 'denied' : (entry.result ?? entry.decision));

const fields: Fields<AuditEntry> = {
  who: { kind: 'text', get: (entry) => entry.actor },
  did: { kind: 'text', get: (entry) => [entry.action, entry.detail] },
  to: { kind: 'text', get: (entry) => [objectOf(entry), entry.host_name] },
  result: { kind: 'text', get: resultOf },
  from: { kind: 'text', get: (entry) => entry.source },
  after: { kind: 'age', get: (entry, now) => secondsSince(entry.at, now) },
};

function When({ iso }: { iso: string }) {
  return <span className="muted num">{formatTime(iso, useNow())}</span>;
}

const bad = (entry: AuditEntry) => entry.decision === 'denied' || entry.result === 'failed';

const facets = [
  { term: 'result:failed', label: words.failed, test: (entry: AuditEntry) => resultOf(entry) === 'failed' },
  { term: 'result:denied', label: words.denied, test: (entry: AuditEntry) => resultOf(entry) === 'denied' },
];

export function AuditPage() {
  const search = useSearch({ from: '/shell/audit' });
  const navigate = useNavigate({ from: '/audit' });
  const admin = useAdmin();
  const query = useQuery({ ...auditQuery, enabled: admin });
  const columns = useMemo<Column<AuditEntry>[]>(
    () => [
      { id: 'at', header: words.column.at, accessorFn: (entry) => entry.at, meta: { width: 120 }, cell: ({ row }) => <When iso={row.original.at} /> },
      { id: 'actor', header: words.column.actor, accessorFn: (entry) => entry.actor, meta: { width: 150 }, cell: ({ row }) => <span className={list.name}>{row.original.actor || common.none}</span> },
      {
        id: 'action',
        header: words.column.action,
        accessorFn: (entry) => entry.action,
        cell: ({ row: { original: entry } }) => (
          <span title={entry.detail}>
            <code>{entry.action}</code> <span className="muted">{entry.detail}</span>
          </span>
        ),
      },
      { id: 'object', header: words.column.object, accessorFn: objectOf, meta: { width: 280 }, cell: ({ row: { original: entry } }) => (entry.job_id ? <Link to="/jobs/$job" params={{ job: entry.job_id }}>{objectOf(entry)}</Link> : <span title={objectOf(entry)}>{objectOf(entry)}</span>) },
      {
        id: 'result',
        header: words.column.result,
        accessorFn: resultOf,
        meta: { width: 120 },
        cell: ({ row: { original: entry } }) => (
          <span className={bad(entry) ? 'row bad' : 'row second'}>
            <Glyph name={bad(entry) ? 'bad' : 'ok'} tone={bad(entry) ? 'bad' : 'ok'} /> {resultOf(entry)}
          </span>
        ),
      },
      { id: 'address', header: words.column.address, accessorFn: (entry) => entry.source, meta: { width: 130 }, cell: ({ row }) => <span className="muted">{row.original.source}</span> },
    ],
    [],
  );
  if (!admin) {
    return (
      <Page title={words.title}>
        <Empty icon={<Lock aria-hidden />} title={words.onlyAdmin}>
          <p>{words.onlyAdminText}</p>
        </Empty>
      </Page>
    );
  }
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
      rowKey={(entry) => String(entry.id)}
      q={search.q}
      onQ={(q) => void navigate({ search: { q }, replace: true })}
      emptyTitle={words.emptyTitle}
      emptyText={words.emptyText}
      facets={facets}
      phoneRow={(entry) => <PhoneRow title={`${entry.actor} ${entry.action}`} right={<span className={bad(entry) ? 'bad' : 'muted'}>{resultOf(entry)}</span>} below={[objectOf(entry), entry.detail].filter(Boolean).join(', ')} belowRight={<When iso={entry.at} />} />}
    />
  );
}
