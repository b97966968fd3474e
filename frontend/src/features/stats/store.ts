/**
 * Live readings of one container, one socket for all charts that show it. The last hour is kept while somebody looks, and
 * a minute longer, so that going from tab to tab loses nothing.
 */
import { useSyncExternalStore } from 'react';
import type { StatsSample } from '@/lib/api/types';
import { socketUrl } from '@/lib/live/socket';

const KEPT = 3600;
const LINGER_MS = 60_000;
const RETRY_MS = [500, 1000, 2000, 5000, 10_000];

/** Columns as uPlot wants them; rates are bytes each second. */
export interface Series {
  time: number[];
  cpu: number[];
  memory: number[];
  rx: (number | null)[];
  tx: (number | null)[];
  read: (number | null)[];
  write: (number | null)[];
  pids: number[];
  last: StatsSample | null;
  live: boolean;
}

const empty = (): Series => ({ time: [], cpu: [], memory: [], rx: [], tx: [], read: [], write: [], pids: [], last: null, live: false });

/** A counter that fell was reset (a restart): then there is no rate. */
function rate(now: number, before: number | undefined, seconds: number): number | null {
  if (before === undefined || now < before || seconds <= 0) return null;
  return (now - before) / seconds;
}

export function addSample(series: Series, sample: StatsSample): Series {
  const at = Date.parse(sample.t) / 1000;
  const before = series.last;
  const seconds = before ? at - Date.parse(before.t) / 1000 : 0;
  if (before && seconds <= 0) return series;
  const keep = <T>(values: readonly T[], value: T): T[] => [...values.slice(-(KEPT - 1)), value];
  return {
    time: keep(series.time, at),
    cpu: keep(series.cpu, sample.cpu_percent),
    memory: keep(series.memory, sample.memory_bytes),
    rx: keep(series.rx, rate(sample.rx_bytes, before?.rx_bytes, seconds)),
    tx: keep(series.tx, rate(sample.tx_bytes, before?.tx_bytes, seconds)),
    read: keep(series.read, rate(sample.read_bytes, before?.read_bytes, seconds)),
    write: keep(series.write, rate(sample.write_bytes, before?.write_bytes, seconds)),
    pids: keep(series.pids, sample.pids),
    last: sample,
    live: true,
  };
}

class StatsFeed {
  series = empty();
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private linger: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;

  constructor(
    private readonly host: string,
    private readonly container: string,
    private readonly gone: () => void,
  ) {}

  subscribe = (listener: () => void): (() => void) => {
    clearTimeout(this.linger);
    this.listeners.add(listener);
    if (!this.socket) this.connect();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.linger = setTimeout(() => this.stop(), LINGER_MS);
    };
  };

  private publish(series: Series): void {
    this.series = series;
    for (const listener of this.listeners) listener();
  }

  private connect(): void {
    clearTimeout(this.retry);
    const socket = new WebSocket(socketUrl('/ws/stats', { host: this.host, container: this.container }));
    this.socket = socket;
    socket.onmessage = (event: MessageEvent<string>) => {
      let sample: Partial<StatsSample>;
      try {
        sample = JSON.parse(event.data) as Partial<StatsSample>;
      } catch {
        return;
      }
      if (typeof sample.t !== 'string') return;
      this.failures = 0;
      this.publish(addSample(this.series, sample as StatsSample));
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.publish({ ...this.series, live: false });
      if (this.listeners.size === 0) return;
      const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)] ?? 10_000;
      this.failures += 1;
      this.retry = setTimeout(() => this.connect(), wait);
    };
  }

  private stop(): void {
    clearTimeout(this.retry);
    this.socket?.close(1000);
    this.socket = null;
    this.gone();
  }
}

const feeds = new Map<string, StatsFeed>();
const nothing = empty();

function feedOf(host: string, container: string): StatsFeed {
  const key = `${host}/${container}`;
  let feed = feeds.get(key);
  if (!feed) {
    feed = new StatsFeed(host, container, () => feeds.delete(key));
    feeds.set(key, feed);
  }
  return feed;
}

/** The readings of a container; nothing is asked while `wanted` is false. */
export function useStats(host: string, container: string, wanted: boolean): Series {
  const feed = wanted ? feedOf(host, container) : null;
  return useSyncExternalStore(feed ? feed.subscribe : subscribeNothing, () => feed?.series ?? nothing);
}

const subscribeNothing = () => () => undefined;
