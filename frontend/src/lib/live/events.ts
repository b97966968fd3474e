/**
 * The page's one link to /ws/events. Hints say what changed; the cache is told to ask again, at most four times a second
 * for each kind. After a break everything on screen is asked again once, so nothing that happened meanwhile is missed.
 */
import type { QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import type { Hint } from '../api/types';
import { socketUrl } from './socket';

export type LinkState = 'connecting' | 'live' | 'lost';

export interface Link {
  state: LinkState;
  lastEventAt: number | null;
  lostAt: number | null;
  retryAt: number | null;
}

const COALESCE_MS = 250;
/** The server pings each 15 s; two missed pings and a little are a dead link. */
const SILENCE_MS = 40_000;
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000, 15_000];

/** Which cached lists a hint makes stale. */
const STALE: Record<string, readonly string[]> = {
  container: ['containers', 'overview'],
  host: ['hosts', 'containers', 'overview', 'enrolments'],
  job: ['jobs', 'overview', 'containers'],
  image: ['images'],
  network: ['networks'],
  volume: ['volumes'],
};

let link: Link = { state: 'connecting', lastEventAt: null, lostAt: null, retryAt: null };
const listeners = new Set<() => void>();

function publish(change: Partial<Link>): void {
  link = { ...link, ...change };
  for (const listener of listeners) listener();
}

export function useLink(): Link {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => link,
  );
}

let reconnectNow: () => void = () => undefined;
export function retryLinkNow(): void {
  reconnectNow();
}

/** Opens the link and keeps it open until the returned function is called. */
export function startEvents(client: QueryClient): () => void {
  let socket: WebSocket | null = null;
  let stopped = false;
  let failures = 0;
  let wasLive = false;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let silenceTimer: ReturnType<typeof setTimeout> | undefined;
  let flushTimer: ReturnType<typeof setTimeout> | undefined;
  const pending = new Set<string>();

  const flush = () => {
    flushTimer = undefined;
    const keys = [...pending];
    pending.clear();
    for (const key of keys) void client.invalidateQueries({ queryKey: [key] });
  };

  const heard = () => {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(() => socket?.close(4000, 'silent'), SILENCE_MS);
  };

  const onHint = (hint: Hint) => {
    if (hint.type === 'hello') {
      failures = 0;
      publish({ state: 'live', lostAt: null, retryAt: null });
      // What changed while nobody listened is not known: ask for everything that is on screen.
      if (wasLive) void client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
      wasLive = true;
      return;
    }
    if (hint.type === 'ping') return;
    publish({ lastEventAt: Date.now() });
    for (const key of STALE[hint.type] ?? []) pending.add(key);
    flushTimer ??= setTimeout(flush, COALESCE_MS);
  };

  const connect = () => {
    clearTimeout(retryTimer);
    const opened = new WebSocket(socketUrl('/ws/events'));
    socket = opened;
    opened.onopen = heard;
    opened.onmessage = (message: MessageEvent<string>) => {
      heard();
      try {
        onHint(JSON.parse(message.data) as Hint);
      } catch {
        // A frame that is not JSON is not for us; the next one may be.
      }
    };
    opened.onclose = () => {
      clearTimeout(silenceTimer);
      if (stopped || socket !== opened) return;
      const wait = (BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 15_000) * (0.75 + Math.random() / 2);
      failures += 1;
      publish({ state: 'lost', lostAt: link.lostAt ?? Date.now(), retryAt: Date.now() + wait });
      retryTimer = setTimeout(connect, wait);
    };
  };

  reconnectNow = () => {
    failures = 0;
    publish({ retryAt: null });
    connect();
  };
  connect();

  return () => {
    stopped = true;
    clearTimeout(retryTimer);
    clearTimeout(silenceTimer);
    clearTimeout(flushTimer);
    socket?.close(1000);
    publish({ state: 'connecting', lostAt: null, retryAt: null });
  };
}
