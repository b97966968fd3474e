/** Below a host's row: why it is unknown and since when, or what its doctor found. */
import { Link } from '@tanstack/react-router';
import type { Finding, Host } from '@/lib/api/types';
import { formatDuration, formatTime, secondsSince } from '@/lib/format';
import { isSilent, type GlyphName, type Tone } from '@/lib/state';
import { common, hosts as words } from '@/messages';
import { Codebox } from '@/ui/Codebox';
import { Glyph } from '@/ui/Glyph';
import classes from './HostDetail.module.css';

const JOURNAL = 'journalctl -u mooring-agent -n 100';

export function HostDetail({ host, now }: { host: Host; now: number }) {
  return (
    <div className={classes.detail}>
      {isSilent(host) && <Silence host={host} now={now} />}
      {findingsOf(host).map((finding) => (
        <FindingRow key={finding.code} finding={finding} />
      ))}
      {!isSilent(host) && host.findings.length === 0 && (
        <p className={classes.line}>
          <Glyph name="ok" tone="ok" /> {`${[host.os, host.kernel, host.runtime].filter(Boolean).join(', ')}.`}
          <Link className="link" to="/containers" search={{ host: host.name }}>
            {words.showContainers}
          </Link>
        </p>
      )}
    </div>
  );
}

/** A capital for a word; a path stays as it is. */
const asSentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const RANK: Record<string, number> = { error: 0, warning: 1 };

/** The worst first. Of a silent host only what limits it: the rest is as old as its silence and explains nothing. */
function findingsOf(host: Host): Finding[] {
  return host.findings.filter((finding) => !isSilent(host) || finding.severity in RANK).sort((a, b) => (RANK[a.severity] ?? 2) - (RANK[b.severity] ?? 2));
}

function Silence({ host, now }: { host: Host; now: number }) {
  const last = host.last_seen_at ?? host.since;
  const time = formatTime(last, now);
  const seconds = secondsSince(host.since, now) ?? 0;
  return (
    <div className={classes.silence}>
      <dl className={classes.events}>
        <dt>{time}</dt>
        <dd>{words.silent.lastEvent}</dd>
        <dt>{formatTime(host.since, now)}</dt>
        <dd>{words.silent.marked}</dd>
        <dt>{formatTime(new Date(now).toISOString(), now)}</dt>
        <dd>{words.silent.still(formatDuration(Math.floor(seconds)))}</dd>
      </dl>
      <div>
        <p>{words.silent.text(time)}</p>
        <p className="muted">{words.silent.check}</p>
        <Codebox copy={JOURNAL}>{JOURNAL}</Codebox>
      </div>
    </div>
  );
}

const looks: Record<string, [GlyphName, Tone]> = { error: ['bad', 'bad'], warning: ['warn', 'warn'] };

function FindingRow({ finding }: { finding: Finding }) {
  const [glyph, tone] = looks[finding.severity] ?? ['idle', 'idle'];
  return (
    <div className={classes.finding}>
      <Glyph name={glyph} tone={tone} />
      <div>
        <b>{finding.title}</b>
        {finding.detail && <p className="second">{asSentence(finding.detail)}</p>}
        {finding.next && (
          <p>
            <span className="muted">{common.next}: </span>
            {finding.next}
          </p>
        )}
      </div>
      <code className="muted desk">{finding.code}</code>
    </div>
  );
}
