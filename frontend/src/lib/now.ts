/** One clock for the page: every duration on screen moves with the same tick, and a hidden tab does not tick at all. */
import { useSyncExternalStore } from 'react';

const TICK_MS = 1000;
const listeners = new Set<() => void>();
let current = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;

function tick(): void {
  if (document.visibilityState === 'hidden') return;
  current = Date.now();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== null) {
      clearInterval(timer);
      timer = null;
    }
  };
}

/** Milliseconds since the epoch, renewed each second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => current);
}

const COARSE_MS = 30_000;

/** The same in steps of half a minute: for filters by age, which must not reorder a list each second. */
export function useCoarseNow(): number {
  return useSyncExternalStore(subscribe, () => Math.floor(current / COARSE_MS) * COARSE_MS);
}
