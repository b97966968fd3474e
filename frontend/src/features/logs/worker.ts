/** The log worker: owns the socket and the lines, answers the page with what is visible, at most twenty times a second. */
import type { FromWorker, ToWorker, Viewport, Volume } from './protocol';
import { LogSession, type Socket } from './session';
import { LogStore } from './store';

const TICK_MS = 50;
const VOLUME_MS = 1000;
/** Rows rendered beyond the edges, so that a fast scroll does not meet white. */
const OVERSCAN = 30;

const store = new LogStore();
let session: LogSession | null = null;
let viewport: Viewport = { topRow: 0, rows: 60, follow: true };
let dirty = false;
let lastTick = 0;
let timer: ReturnType<typeof setTimeout> | null = null;
let volume: Volume | null = null;
let volumeAt = 0;

const send = (message: FromWorker) => {
  postMessage(message);
};

function tick(): void {
  timer = null;
  if (!dirty) return;
  dirty = false;
  lastTick = performance.now();
  if (lastTick - volumeAt > VOLUME_MS || volume === null) {
    volume = store.volume();
    volumeAt = lastTick;
  }
  const top = viewport.follow ? Math.max(0, store.totalRows - viewport.rows) : viewport.topRow;
  const from = Math.max(0, top - OVERSCAN);
  const { fromRow, lines } = store.slice(from, viewport.rows + top - from + OVERSCAN);
  send({
    type: 'tick',
    state: session?.state ?? 'connecting',
    reason: session?.reason ?? '',
    totalRows: store.totalRows,
    fromRow,
    lines,
    follow: viewport.follow,
    shown: store.shown,
    loaded: store.loaded,
    evicted: store.evicted,
    newWhilePaused: store.newWhilePaused,
    held: session?.held ?? false,
    levels: store.levels,
    hits: store.hits,
    hitIndex: store.hitIndex,
    hitSeq: store.hitSeq,
    searchError: store.searchError,
    volume,
  });
}

function changed(): void {
  dirty = true;
  timer ??= setTimeout(tick, Math.max(0, TICK_MS - (performance.now() - lastTick)));
}

/** For what the reader did: answered at once, not at the next tick. */
function changedNow(): void {
  dirty = true;
  if (timer !== null) clearTimeout(timer);
  tick();
}

onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.type) {
    case 'open':
      session?.stop();
      store.clear();
      session = new LogSession(
        message.url,
        message.tail,
        store,
        {
          connect: (url) => new WebSocket(url) as unknown as Socket,
          now: () => Date.now(),
          later: (act, ms) => {
            const handle = setTimeout(act, ms);
            return () => clearTimeout(handle);
          },
        },
        changed,
      );
      session.start();
      break;
    case 'close':
      session?.stop();
      session = null;
      return;
    case 'view':
      viewport = message.viewport;
      store.setPaused(!viewport.follow);
      session?.acknowledge();
      break;
    case 'filter':
      store.setFilter(message.filter);
      break;
    case 'wrap':
      store.setWrap(message.wrap);
      break;
    case 'open-json':
      store.setOpenRows(message.seq, message.rows);
      break;
    case 'clear':
      store.clear();
      break;
    case 'seek-hit': {
      const row = store.seekHit(message.direction, viewport.follow ? Math.max(0, store.totalRows - viewport.rows) : viewport.topRow);
      if (row !== null) send({ type: 'scroll', row });
      break;
    }
    case 'seek-time':
      send({ type: 'scroll', row: store.rowAtTime(message.at) });
      break;
    case 'export':
      send({ type: 'export', text: store.export() });
      return;
  }
  changedNow();
};
