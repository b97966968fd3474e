/** The first page: what needs attention with one act each, the hosts with their load, what was done lately. */
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Box, Circle, HardDrive, Network, Package, Plus, Power, SquareTerminal, Zap, type LucideIcon } from 'lucide-react';
import { useState } from 'react';
import { Page } from '@/app/Page';
import { useAct, type ActionName } from '@/features/containers/actions';
import { useAdmin } from '@/features/session/useAdmin';
import { containersQuery, hostsQuery, overviewQuery } from '@/lib/api/queries';
import type { Attention, Container, FleetEvent, Host, Overview } from '@/lib/api/types';
import { formatAge, formatBytesOf, formatPercent, formatTime, secondsSince, shortId, shortIds } from '@/lib/format';
import { useNow } from '@/lib/now';
import { jobIsOpen, jobLook, jobPercent, whenOf, type GlyphName } from '@/lib/state';
import { common, containers as containerWords, hosts as hostWords, overview as words } from '@/messages';
import { Glyph } from '@/ui/Glyph';
import { ButtonLink } from '@/ui/links';
import { ProgressLine } from '@/ui/Meter';
import { QueryProblem } from '@/ui/Problem';
import card from '@/ui/Card.module.css';
import { HostStrip } from './HostStrip';
import classes from './OverviewPage.module.css';

const ATTENTION_SHOWN = 8;

export function OverviewPage() {
  const { data, error, refetch } = useQuery(overviewQuery);
  const { data: hosts } = useQuery(hostsQuery);
  const now = useNow();
  const admin = useAdmin();
  return (
    <Page
      title={words.title}
      count={data ? <span className="desk">{words.subtitle(data.containers.total, data.hosts.total)}</span> : undefined}
      actions={
        <>
          {admin && (
            <ButtonLink className="desk" to="/hosts" search={{ add: '1' }} leftSection={<Plus aria-hidden />}>
              {hostWords.add}
            </ButtonLink>
          )}
          <ButtonLink to="/run" variant="filled" leftSection={<Plus aria-hidden />}>
            {containerWords.run}
          </ButtonLink>
        </>
      }
    >
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard */}
      <div className={card.scroll} tabIndex={0} role="region" aria-label={words.title}>
        {error && !data && <QueryProblem error={error} onRetry={() => void refetch()} />}
        {data && <Loaded overview={data} hosts={hosts?.rows ?? []} now={now} />}
      </div>
    </Page>
  );
}

function Loaded({ overview, hosts, now }: { overview: Overview; hosts: readonly Host[]; now: number }) {
  if (overview.hosts.total === 0) return <FirstSteps overview={overview} />;
  const { capacity } = overview;
  const cpu = hosts.reduce((sum, host) => sum + (host.state === 'online' || host.state === 'degraded' ? ((host.cpu_percent ?? 0) / 100) * (host.cpus ?? 0) : 0), 0);
  return (
    <>
      <AttentionList overview={overview} hosts={hosts} now={now} />
      <div className={classes.section}>
        <h2>{words.hosts}</h2>
        {capacity.cpus > 0 && <span>{words.capacityCpu(formatPercent((100 * cpu) / capacity.cpus), capacity.cpus)}</span>}
        {capacity.memory_bytes > 0 && <span>{words.capacityMemory(formatBytesOf(capacity.memory_used_bytes, capacity.memory_bytes))}</span>}
        {capacity.disk_bytes > 0 && <span className="desk">{words.capacityDisk(formatBytesOf(capacity.disk_used_bytes, capacity.disk_bytes))}</span>}
        <Link to="/hosts" className={`${classes.right ?? ''} link`}>
          {words.allHosts}
        </Link>
      </div>
      <HostStrip hosts={hosts} now={now} />
      {overview.containers.total === 0 && <FirstSteps overview={overview} />}
      <div className={classes.two}>
        <RecentJobs overview={overview} now={now} />
        <Activity events={overview.recent_events} now={now} />
      </div>
    </>
  );
}

/** Until the first container runs: what to do, in order. */
function FirstSteps({ overview }: { overview: Overview }) {
  const hasHost = overview.hosts.total > 0;
  return (
    <section className={`${card.card ?? ''} ${classes.steps ?? ''}`} aria-label={words.checklist}>
      <header>
        <h2>{words.checklist}</h2>
      </header>
      <ol>
        <li>
          <Glyph name={hasHost ? 'ok' : 'idle'} tone={hasHost ? 'ok' : 'idle'} />
          <div className="grow">
            <b>{words.checklistHost}</b>
            <p className="second">{words.checklistHostText}</p>
          </div>
          {!hasHost && (
            <ButtonLink variant="filled" to="/hosts" search={{ add: '1' }}>
              {words.checklistHost}
            </ButtonLink>
          )}
        </li>
        <li>
          <Glyph name="idle" tone="idle" />
          <div className="grow">
            <b>{words.checklistRun}</b>
            <p className="second">{words.checklistRunText}</p>
          </div>
          {hasHost && (
            <ButtonLink variant="filled" to="/run">
              {words.checklistRun}
            </ButtonLink>
          )}
        </li>
      </ol>
    </section>
  );
}

const kindGlyph: Record<string, GlyphName> = { host_silent: 'unknown', host_offline: 'bad', container_restarting: 'loop', container_unhealthy: 'bad', job_failed: 'bad' };

function AttentionList({ overview, hosts, now }: { overview: Overview; hosts: readonly Host[]; now: number }) {
  const [all, setAll] = useState(false);
  const { attention } = overview;
  const failing = attention.filter((item) => item.severity === 'critical').length;
  const check = attention.length - failing;
  const shown = all ? attention : attention.slice(0, ATTENTION_SHOWN);
  if (attention.length === 0) {
    return (
      <>
        <div className={classes.section}>
          <h2>{words.attention}</h2>
        </div>
        <section className={`${card.card ?? ''} ${classes.well ?? ''}`}>
          <Glyph name="ok" tone="ok" />
          <b className="strong">{words.allWell}</b>
          <span className="second">{words.allWellText}</span>
        </section>
      </>
    );
  }
  return (
    <>
      <div className={classes.section}>
        <h2>{words.attention}</h2>
        {failing > 0 && (
          <span className="row bad">
            <Glyph name="bad" /> {words.failing(failing)}
          </span>
        )}
        {check > 0 && (
          <span className="row warn">
            <Glyph name="warn" /> {words.toCheck(check)}
          </span>
        )}
        <span className={`${classes.right ?? ''} muted desk`}>{words.order}</span>
      </div>
      <section className={card.card} aria-label={words.attention}>
        {shown.map((item) => (
          <AttentionRow key={`${item.kind}-${item.host?.id ?? ''}-${item.container_id ?? item.job_id ?? item.title}`} item={item} hosts={hosts} now={now} />
        ))}
        {attention.length > shown.length && (
          <button type="button" className={`${classes.more ?? ''} link`} onClick={() => setAll(true)}>
            {words.more(attention.length - shown.length)}
          </button>
        )}
      </section>
    </>
  );
}

/** "checkout-api is unhealthy" → the name in front, the rest as the reason. */
function splitTitle(item: Attention): { what: string; rest: string } {
  const match = /^(\S+) (is|keeps|failed)\b(.*)$/.exec(item.title);
  if (item.kind.startsWith('job') || !match) return { what: item.title, rest: '' };
  const rest = match[2] === 'keeps' ? `keeps${match[3] ?? ''}` : (match[3] ?? '').trim();
  return { what: match[1] ?? item.title, rest: rest.charAt(0).toUpperCase() + rest.slice(1) };
}

/** The act that usually mends it, if there is one that is safe to offer here. */
const remedy: Record<string, ActionName> = { container_unhealthy: 'restart', container_restarting: 'stop' };

function AttentionRow({ item, hosts, now }: { item: Attention; hosts: readonly Host[]; now: number }) {
  const act = useAct();
  const { data: containers } = useQuery(containersQuery);
  const glyph = kindGlyph[item.kind] ?? 'warn';
  const seconds = secondsSince(item.since, now);
  const { what, rest } = splitTitle(item);
  const target: Container | undefined = containers?.rows.find((row) => row.id === item.container_id && row.host.id === item.host?.id);
  const action = remedy[item.kind];
  const tone = item.severity === 'critical' ? 'bad' : 'warn';
  const silent = item.kind === 'host_silent' ? hosts.find((host) => host.id === item.host?.id) : undefined;
  const reason = silent ? words.noContact(formatTime(silent.last_seen_at ?? silent.since, now, false), silent.containers_total) : shortIds([rest, item.detail].filter(Boolean).join('. '));
  const containerLink = item.container_id && item.host ? { host: item.host.id, id: shortId(item.container_id) } : null;
  return (
    <div className={classes.attention}>
      <Glyph name={glyph} tone={tone} />
      {containerLink ? (
        <Link className={classes.what} to="/containers/$host/$id" params={containerLink}>
          {what}
        </Link>
      ) : item.job_id ? (
        <Link className={classes.what} to="/jobs" search={{ job: item.job_id }}>
          {what}
        </Link>
      ) : (
        <Link className={classes.what} to="/hosts" search={{ open: item.host?.id }}>
          {what}
        </Link>
      )}
      <span className={classes.why} title={reason}>
        {reason}
      </span>
      <span className={classes.where}>{containerLink || item.job_id ? item.host?.name : containerWords.column.host}</span>
      <span className={classes.when}>{seconds === null ? '' : formatAge(seconds)}</span>
      <span className={classes.acts}>
        {containerLink && (
          <ButtonLink size="xs" variant="subtle" to="/containers/$host/$id/logs" params={containerLink}>
            {words.act['logs']}
          </ButtonLink>
        )}
        {target && action && (
          <Button
            size="xs"
            disabled={target.pending !== null}
            onClick={() => void act(action, [target])}
          >
            {containerWords.action[action]}
          </Button>
        )}
        {item.job_id && (
          <ButtonLink size="xs" to="/jobs" search={{ job: item.job_id }}>
            {words.act['job']}
          </ButtonLink>
        )}
        {!containerLink && !item.job_id && item.kind === 'disk_low' && (
          <ButtonLink size="xs" to="/images" search={{ q: `host:${item.host?.name ?? ''} used:0` }}>
            {words.act['review_images']}
          </ButtonLink>
        )}
        {!containerLink && !item.job_id && item.kind !== 'disk_low' && (
          <ButtonLink size="xs" to="/hosts" search={{ open: item.host?.id }}>
            {item.kind === 'host_degraded' ? words.act['findings'] : words.linkHistory}
          </ButtonLink>
        )}
      </span>
    </div>
  );
}

function RecentJobs({ overview, now }: { overview: Overview; now: number }) {
  return (
    <div>
      <div className={classes.section}>
        <h2>{words.recentJobs}</h2>
        <Link to="/jobs" className={`${classes.right ?? ''} link`}>
          {words.allJobs}
        </Link>
      </div>
      <section className={card.card} aria-label={words.recentJobs}>
        {overview.recent_jobs.length === 0 && <p className={classes.nothing}>{words.noJobs}</p>}
        {overview.recent_jobs.slice(0, 6).map((job) => {
          const look = jobLook(job);
          const value = jobPercent(job);
          const open = jobIsOpen(job);
          return (
            <div key={job.id} className={classes.line}>
              <Glyph name={look.glyph} tone={look.tone} />
              <Link to="/jobs" search={{ job: job.id }} className={`${classes.jobTitle ?? ''} ellipsis`} title={job.title}>
                {job.title}
              </Link>
              <span className="muted ellipsis">{shortIds(job.error?.why ?? '') || job.host?.name}</span>
              {open && value !== null && (
                <span className={classes.progress}>
                  <ProgressLine percent={value} />
                </span>
              )}
              <span className={classes.ago}>{whenOf(job, now)}</span>
            </div>
          );
        })}
      </section>
    </div>
  );
}

const eventIcons: Record<string, LucideIcon> = { container: Box, image: Package, network: Network, volume: HardDrive };

function iconOf(event: FleetEvent): LucideIcon {
  if (event.action.startsWith('exec')) return SquareTerminal;
  if (event.action === 'die' || event.action === 'kill' || event.action === 'oom') return Zap;
  if (event.action === 'start' || event.action === 'stop') return Power;
  return eventIcons[event.type] ?? Circle;
}

const ACTIVITY_SHOWN = 6;

function Activity({ events, now }: { events: readonly FleetEvent[]; now: number }) {
  return (
    <div>
      <div className={classes.section}>
        <h2>{words.activity}</h2>
        <Link to="/audit" className={`${classes.right ?? ''} link`}>
          {words.auditLog}
        </Link>
      </div>
      <section className={card.card} aria-label={words.activity}>
        {events.length === 0 && <p className={classes.nothing}>{words.noActivity}</p>}
        {events.slice(0, ACTIVITY_SHOWN).map((event, index) => {
          const Icon = iconOf(event);
          const seconds = secondsSince(event.at, now);
          return (
            <div key={`${event.at}-${event.id}-${index}`} className={classes.line}>
              <Icon aria-hidden className={classes.icon} />
              {event.type === 'container' && event.action !== 'destroy' ? (
                <Link to="/containers/$host/$id" params={{ host: event.host.id, id: shortId(event.id) }} className={`${classes.eventName ?? ''} ellipsis`}>
                  {event.name || shortId(event.id)}
                </Link>
              ) : (
                <span className={`${classes.eventName ?? ''} ellipsis`}>{event.name || shortId(event.id)}</span>
              )}
              <span className="ellipsis">
                {event.action}
                {event.exit_code && event.exit_code !== '0' ? ` (${event.exit_code})` : ''}
              </span>
              <span className="muted ellipsis">{event.host.name}</span>
              <span className={classes.ago}>{seconds === null ? '' : common.ago(formatAge(seconds))}</span>
            </div>
          );
        })}
      </section>
    </div>
  );
}
