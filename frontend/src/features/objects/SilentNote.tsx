/** Why the rows below are hatched. */
import { useQuery } from '@tanstack/react-query';
import { hostsQuery } from '@/lib/api/queries';
import type { HostRef } from '@/lib/api/types';
import { formatTime } from '@/lib/format';
import { useCoarseNow } from '@/lib/now';
import { common, objects as words } from '@/messages';
import { Glyph } from '@/ui/Glyph';

/** Something of a host, which is as old as the host's silence when `stale`. */
export interface OfHost {
  host: HostRef;
  stale: boolean;
}

/** The order in which a silent host's rows stand together, after all that is known; 0 between the others. */
export function bySilence(a: OfHost, b: OfHost): number {
  return Number(a.stale) - Number(b.stale) || (a.stale ? a.host.name.localeCompare(b.host.name) : 0);
}

/** The note above the first row of each silent host, for a table's `rowNote`. */
export function silentNote<T extends OfHost>(rows: readonly T[]) {
  return (row: T, previous: T | undefined) => {
    if (!row.stale || (previous?.stale && previous.host.id === row.host.id)) return null;
    return <SilentNote host={row.host} count={rows.filter((each) => each.host.id === row.host.id).length} />;
  };
}

function SilentNote({ host, count }: { host: HostRef; count: number }) {
  const now = useCoarseNow();
  const { data: hosts } = useQuery(hostsQuery);
  const since = hosts?.rows.find((each) => each.id === host.id)?.last_seen_at;
  return (
    <span className="row">
      <Glyph name="unknown" tone="warn" />
      <span className="ellipsis">
        <b className="strong">{host.name}</b> {words.hostSilent(host.name, since ? formatTime(since, now) : common.none, count)}
      </span>
    </span>
  );
}
