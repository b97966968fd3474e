/** The last 24 hours of a host's link as 48 bars, and what they say in words. */
import type { Host } from '@/lib/api/types';

export const BARS = 48;
const HOUR_MS = 3_600_000;
const SPAN_MS = 24 * HOUR_MS;

export type BarState = 'up' | 'break' | 'unknown' | 'before';

export interface LinkSummary {
  bars: BarState[];
  breaks: number;
  longestSeconds: number;
}

interface Outage {
  from: number;
  to: number;
  open: boolean;
}

/** Breaks of the link from its changes, oldest first; the last may still be open. */
function outages(host: Host, now: number): { outages: Outage[]; joined: number } {
  const changes = [...host.link_history].sort((a, b) => a.at.localeCompare(b.at));
  const found: Outage[] = [];
  let down: number | null = null;
  for (const change of changes) {
    const at = Date.parse(change.at);
    if (change.state === 'up') {
      if (down !== null) found.push({ from: down, to: at, open: false });
      down = null;
    } else down ??= at;
  }
  if (down !== null) found.push({ from: down, to: now, open: true });
  const first = changes.find((change) => change.state === 'up');
  return { outages: found, joined: Math.min(Date.parse(host.created_at), first ? Date.parse(first.at) : now) };
}

export function summariseLink(host: Host, now: number): LinkSummary {
  const start = now - SPAN_MS;
  const width = SPAN_MS / BARS;
  const { outages: all, joined } = outages(host, now);
  const within = all.filter((outage) => outage.to > start);
  const bars = Array.from({ length: BARS }, (_unused, index): BarState => {
    const from = start + index * width;
    const to = from + width;
    if (to <= joined) return 'before';
    const hit = within.find((outage) => outage.from < to && outage.to > from);
    if (!hit) return 'up';
    return hit.open ? 'unknown' : 'break';
  });
  const closed = within.filter((outage) => !outage.open);
  return { bars, breaks: closed.length, longestSeconds: Math.max(0, ...closed.map((outage) => (outage.to - outage.from) / 1000)) };
}
