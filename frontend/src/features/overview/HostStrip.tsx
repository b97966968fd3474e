/** All hosts side by side: link, containers, load. A silent one says what is known instead of numbers. */
import { Link } from '@tanstack/react-router';
import type { Host } from '@/lib/api/types';
import { formatAge, formatDuration, formatPercent, formatTime, secondsSince } from '@/lib/format';
import { CPU_WARN_PERCENT, DISK_WARN_PERCENT, isSilent, MEMORY_WARN_PERCENT, percent } from '@/lib/state';
import { common, hosts as hostWords, overview as words, state as stateWords } from '@/messages';
import { Glyph } from '@/ui/Glyph';
import { levelOf, Meter, Sparkline } from '@/ui/Meter';
import { LinkGlyph } from '@/ui/Mark';
import classes from './HostStrip.module.css';
import { loadHistory } from './loadHistory';

export function HostStrip({ hosts, now }: { hosts: readonly Host[]; now: number }) {
  const sorted = [...hosts].sort((a, b) => Number(isSilent(a)) - Number(isSilent(b)));
  return (
    <section className={classes.strip} aria-label={words.hosts} data-count={Math.min(7, hosts.length)}>
      {sorted.map((host) => (isSilent(host) ? <Silent key={host.id} host={host} now={now} /> : <Live key={host.id} host={host} />))}
    </section>
  );
}

function Live({ host }: { host: Host }) {
  const rows = [
    { label: words.cpu, value: host.cpu_percent ?? 0, known: host.cpu_percent !== null, warnAt: CPU_WARN_PERCENT },
    { label: words.memory, value: percent(host.memory_used_bytes, host.memory_bytes), known: host.memory_used_bytes !== null, warnAt: MEMORY_WARN_PERCENT },
    { label: words.disk, value: percent(host.disk_used_bytes, host.disk_bytes), known: host.disk_used_bytes !== null, warnAt: DISK_WARN_PERCENT },
  ];
  return (
    <Link className={classes.cell} to="/hosts" search={{ open: host.id }}>
      <span className={classes.name}>
        <span className="ellipsis">{host.name}</span>
        <LinkGlyph up={host.state !== 'pending'} label={stateWords.linked} />
      </span>
      <span className={classes.sub}>
        {host.state === 'degraded' && <Glyph name="warn" tone="warn" />} {host.state === 'degraded' ? stateWords.host.degraded : host.state === 'pending' ? stateWords.host.pending : hostWords.containers(host.containers_total)}
      </span>
      <span className={classes.spark}>
        <Sparkline values={loadHistory(host.id)} max={100} width="100%" height={30} level={levelOf(host.cpu_percent ?? 0, CPU_WARN_PERCENT)} />
      </span>
      <span className={classes.loads}>
        {rows.map((row) => {
          const level = levelOf(row.value, row.warnAt);
          return (
            <span key={row.label} className={classes.load}>
              <span className="muted">{row.label}</span>
              <Meter percent={row.value} level={level} width="100%" />
              <span className={level === 'warn' ? 'warn' : undefined}>{row.known ? formatPercent(Math.round(row.value)) : common.none}</span>
            </span>
          );
        })}
      </span>
    </Link>
  );
}

function Silent({ host, now }: { host: Host; now: number }) {
  const since = host.last_seen_at ?? host.since;
  const time = formatTime(since, now);
  const seconds = secondsSince(host.since, now) ?? 0;
  return (
    <Link className={classes.cell} data-stale to="/hosts" search={{ open: host.id }}>
      <span className={classes.name}>
        <span className="ellipsis">{host.name}</span>
        <LinkGlyph up={false} label={stateWords.linkLost} />
      </span>
      <span className={classes.sub}>{hostWords.containersAt(host.containers_total, formatTime(since, now, false))}</span>
      <span className={`${classes.flag ?? ''} warn`}>
        <Glyph name={host.state === 'offline' ? 'bad' : 'unknown'} /> {host.state === 'offline' ? `${stateWords.host.offline} ${formatAge(seconds)}` : hostWords.unknownFor(formatDuration(Math.floor(seconds)))}
      </span>
      <span className={classes.known}>{hostWords.lastKnown(time)}</span>
      <span className={classes.history}>{words.linkHistory}</span>
    </Link>
  );
}
