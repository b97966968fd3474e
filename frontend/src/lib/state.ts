/**
 * What a state looks like: glyph, tone, Docker's word and how long. One place for the rule "quiet when well, loud when
 * not", so that a table row, a page head and the palette never disagree.
 */
import { common, state as words } from '@/messages';
import type { Container, Host, Job } from './api/types';
import { formatAge, formatDuration, secondsSince } from './format';

export type GlyphName = 'run' | 'ok' | 'idle' | 'bad' | 'loop' | 'pause' | 'warn' | 'work' | 'unknown' | 'queue' | 'cordon';
export type Tone = 'quiet' | 'ok' | 'idle' | 'bad' | 'warn' | 'work' | 'stale';

export interface Look {
  glyph: GlyphName;
  tone: Tone;
  word: string;
  detail?: string;
  /** A tinted pill instead of plain text: only for what needs the eye. */
  loud: boolean;
}

function look(glyph: GlyphName, tone: Tone, word: string, detail: string | null, loud: boolean): Look {
  return detail ? { glyph, tone, word, detail, loud } : { glyph, tone, word, loud };
}

function since(iso: string | null | undefined, now: number): string | null {
  const seconds = secondsSince(iso, now);
  return seconds === null ? null : formatDuration(Math.floor(seconds));
}

/** The state column of a container: what was asked for first, then silence of its host, then Docker's own state. */
export function containerLook(container: Container, now: number): Look {
  if (container.pending) return look('work', 'work', words.pending(container.pending.action), null, true);
  if (container.stale) return look('unknown', 'stale', words.unknown, words.was(words.container[container.state]), true);
  const word = words.container[container.state];
  switch (container.state) {
    case 'running':
      return look('run', 'quiet', word, since(container.started_at, now), false);
    case 'paused':
      return look('pause', 'warn', word, since(container.started_at, now), true);
    case 'restarting':
      return look('loop', 'warn', word, container.restart_count > 0 ? words.times(container.restart_count) : null, true);
    case 'removing':
      return look('work', 'work', word, null, true);
    case 'dead':
      return look('bad', 'bad', word, since(container.finished_at, now), true);
    case 'exited': {
      const failed = container.exit_code !== null && container.exit_code !== 0;
      const text = container.exit_code === null ? word : `${word} ${container.exit_code}`;
      return look(failed ? 'bad' : 'idle', failed ? 'bad' : 'idle', text, since(container.finished_at, now), failed);
    }
    case 'created':
      return look('idle', 'idle', word, since(container.created_at, now), false);
  }
}

/** The health column; null where there is nothing to say. */
export function healthLook(container: Container): Look | null {
  switch (container.health) {
    case 'healthy':
      return look('ok', 'ok', words.healthy, null, false);
    case 'unhealthy':
      return look('bad', 'bad', words.unhealthy, null, !container.stale);
    case 'starting':
      return look('work', 'work', words.starting, null, false);
    default:
      return null;
  }
}

/** True for what belongs into "needs attention". */
export function needsAttention(container: Container): boolean {
  if (container.stale) return false;
  if (container.health === 'unhealthy' || container.state === 'restarting' || container.state === 'dead') return true;
  return container.state === 'exited' && container.exit_code !== null && container.exit_code !== 0;
}

/** Trouble first, then work, then what runs, then what rests, then what is not known: the default order of the table. */
export function containerRank(container: Container): number {
  if (container.stale) return 90;
  if (container.pending) return 30;
  if (container.health === 'unhealthy') return 0;
  switch (container.state) {
    case 'restarting':
      return 10;
    case 'dead':
      return 15;
    case 'exited':
      return container.exit_code ? 20 : 70;
    case 'removing':
      return 31;
    case 'running':
      return 40;
    case 'paused':
      return 60;
    case 'created':
      return 80;
  }
}

export function hostLook(host: Host, now: number): Look {
  const detail = since(host.since, now);
  switch (host.state) {
    case 'unknown':
      return look('unknown', 'stale', words.unknown, detail, true);
    case 'offline':
      return look('bad', 'bad', words.host.offline, detail, true);
    case 'pending':
      return look('queue', 'idle', words.host.pending, null, false);
    case 'degraded':
      return look('warn', 'warn', words.host.degraded, host.findings[0]?.title ?? null, false);
    case 'online':
      if (!host.schedulable) return look('cordon', 'idle', words.host.cordoned, null, false);
      if (diskFull(host)) return look('warn', 'warn', words.host.diskLow, null, false);
      return look('run', 'quiet', words.host.ready, null, false);
  }
}

export const DISK_WARN_PERCENT = 85;
export const CPU_WARN_PERCENT = 90;
export const MEMORY_WARN_PERCENT = 85;
export const MEMORY_BAD_PERCENT = 95;

export function diskFull(host: Host): boolean {
  return percent(host.disk_used_bytes, host.disk_bytes) >= DISK_WARN_PERCENT;
}

export function percent(used: number | null, total: number | null): number {
  return used !== null && total ? (100 * used) / total : 0;
}

export function isSilent(host: { state: Host['state'] }): boolean {
  return host.state === 'unknown' || host.state === 'offline';
}

export function jobLook(job: Job): Look {
  switch (job.state) {
    case 'queued':
      return look('queue', 'idle', words.job.queued, null, false);
    case 'running':
      return look('work', 'work', words.job.running, jobProgress(job), false);
    case 'succeeded':
      return look('ok', 'ok', words.job.done, null, false);
    case 'failed':
      return look('bad', 'bad', words.job.failed, null, true);
    case 'cancelled':
      return look('idle', 'idle', words.job.cancelled, null, false);
  }
}

export function jobPercent(job: Job): number | null {
  return job.progress === null ? null : Math.max(0, Math.min(100, job.progress * 100));
}

function jobProgress(job: Job): string | null {
  const value = jobPercent(job);
  return value === null ? null : `${Math.round(value)}%`;
}

export const jobIsOpen = (job: Job): boolean => job.state === 'queued' || job.state === 'running';

/** How long a job has been under way, or how long ago it ended. */
export function whenOf(job: Job, now: number): string {
  if (jobIsOpen(job)) {
    const seconds = secondsSince(job.started_at ?? job.created_at, now);
    return seconds === null ? '' : formatDuration(Math.floor(seconds));
  }
  const seconds = secondsSince(job.finished_at ?? job.created_at, now);
  return seconds === null ? '' : common.ago(formatAge(seconds));
}

/** How long a job took, in seconds; null while it has not begun. */
export function tookSeconds(job: Job, now: number): number | null {
  if (!job.started_at) return null;
  return Math.max(0, ((job.finished_at ? Date.parse(job.finished_at) : now) - Date.parse(job.started_at)) / 1000);
}
