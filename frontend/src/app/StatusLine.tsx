/** The line along the foot: the link, the age of the last event, silent hosts, jobs, the clock. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { hostsQuery } from '@/lib/api/queries';
import { formatAge, formatClock, formatDuration, formatTime } from '@/lib/format';
import { useLink } from '@/lib/live/events';
import { useNow } from '@/lib/now';
import { isSilent } from '@/lib/state';
import { shell, state } from '@/messages';
import { Glyph } from '@/ui/Glyph';
import { LinkGlyph } from '@/ui/Mark';
import classes from './StatusLine.module.css';
import { useRunningJobs } from './useRunningJobs';

export function StatusLine({ onKeys }: { onKeys: () => void }) {
  const now = useNow();
  const link = useLink();
  const { data: hosts } = useQuery(hostsQuery);
  const running = useRunningJobs();
  const silent = hosts?.rows.filter(isSilent) ?? [];
  const first = silent[0];
  return (
    <footer className={classes.status} aria-label={shell.status.label}>
      <span className={link.state === 'lost' ? 'warn' : undefined}>
        <LinkGlyph up={link.state !== 'lost'} label={link.state === 'lost' ? state.linkLost : state.linked} />
        {link.state === 'live' ? shell.status.live : link.state === 'connecting' ? shell.status.connecting : shell.status.lost(formatDuration(Math.floor((now - (link.lostAt ?? now)) / 1000)))}
      </span>
      {link.state === 'live' && <span>{link.lastEventAt === null ? shell.status.noEvent : shell.status.lastEvent(formatAge(Math.max(1, (now - link.lastEventAt) / 1000)).replace('now', '1 s'))}</span>}
      {first && (
        <Link to="/hosts" className="warn">
          <Glyph name="unknown" /> {silent.length === 1 ? shell.status.silentHost(first.name, first.since ? formatTime(first.since, now, false) : '–') : shell.status.silentHosts(silent.length)}
        </Link>
      )}
      <span className={classes.right}>
        {running > 0 && (
          <Link to="/jobs">
            <Glyph name="work" tone="work" /> {shell.status.jobs(running)}
          </Link>
        )}
        <span className="num">{formatClock(new Date(now))}</span>
        <button type="button" onClick={onKeys}>
          <kbd>?</kbd> {shell.status.shortcuts}
        </button>
      </span>
    </footer>
  );
}
