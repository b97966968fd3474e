/** The CPU load of each host as this page has seen it: the plane keeps the present value only. */
import type { Host } from '@/lib/api/types';

const KEPT = 48;
const APART_MS = 2500;
const seen = new Map<string, { at: number; values: number[] }>();

export function recordLoad(hosts: readonly Host[]): void {
  const now = Date.now();
  for (const host of hosts) {
    if (host.cpu_percent === null) continue;
    const old = seen.get(host.id);
    if (old && now - old.at < APART_MS) continue;
    seen.set(host.id, { at: now, values: [...(old?.values ?? []), host.cpu_percent].slice(-KEPT) });
  }
}

export const loadHistory = (host: string): readonly number[] => seen.get(host)?.values ?? [];
