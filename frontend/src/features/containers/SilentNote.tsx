/** Why the rows below are hatched. */
import type { Container, Host } from '@/lib/api/types';
import { formatTime } from '@/lib/format';
import { useCoarseNow } from '@/lib/now';
import { common, containers as words } from '@/messages';
import { Glyph } from '@/ui/Glyph';

export function SilentNote({ row, rows, host }: { row: Container; rows: readonly Container[]; host: Host | undefined }) {
  const now = useCoarseNow();
  const since = host?.last_seen_at ?? row.as_of;
  const count = rows.filter((each) => each.host.id === row.host.id).length;
  return (
    <span className="row">
      <Glyph name="unknown" tone="warn" />
      <span className="ellipsis">
        <b className="strong">{row.host.name}</b> {words.hostSilent(row.host.name, since ? formatTime(since, now) : common.none, count)}
      </span>
    </span>
  );
}
