import { beforeEach, describe, expect, it } from 'vitest';
import { LogSession, type Environment, type Socket } from './session';
import { LogStore, type Received } from './store';

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  sent: string[] = [];
  closed = false;
  constructor(readonly url: URL) {}
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
  frame(value: unknown) {
    this.onmessage?.({ data: JSON.stringify(value) });
  }
  get acks() {
    return this.sent.map((text) => (JSON.parse(text) as { ack: string }).ack);
  }
}

/** A host's log: every line has a number; a socket gets what comes after the cursor it brings. */
class FakeHost {
  lines: Received[] = [];
  write(count: number, at: number) {
    for (let n = 0; n < count; n++) this.lines.push({ c: `c${this.lines.length}`, t: new Date(at).toISOString(), s: 1, l: `line ${this.lines.length}` });
  }
  serve(socket: FakeSocket) {
    const cursor = socket.url.searchParams.get('cursor');
    const from = cursor === null ? Math.max(0, this.lines.length - Number(socket.url.searchParams.get('tail'))) : Number(cursor.slice(1)) + 1;
    socket.onopen?.();
    if (from < this.lines.length) socket.frame({ lines: this.lines.slice(from), skipped: 0 });
  }
}

let clock: number;
let sockets: FakeSocket[];
let waiting: { act: () => void; ms: number }[];
let environment: Environment;
let store: LogStore;

beforeEach(() => {
  clock = Date.parse('2026-01-01T10:00:00Z');
  sockets = [];
  waiting = [];
  store = new LogStore(100);
  environment = {
    connect: (url) => {
      const socket = new FakeSocket(new URL(url));
      sockets.push(socket);
      return socket;
    },
    now: () => clock,
    later: (act, ms) => {
      const entry = { act, ms };
      waiting.push(entry);
      return () => void waiting.splice(waiting.indexOf(entry), 1);
    },
  };
});

const start = (tail = 500) => {
  const session = new LogSession('ws://x/ws/logs?host=h&container=c', tail, store, environment, () => undefined);
  session.start();
  return session;
};
const socket = () => sockets[sockets.length - 1]!;
const shown = () => store.slice(0, 10_000).lines.filter((line) => line.stream !== 0).map((line) => line.text);
const runTimers = () => {
  for (const entry of waiting.splice(0)) entry.act();
};

describe('a log session', () => {
  it('asks for the tail first and acknowledges what it stored', () => {
    const host = new FakeHost();
    host.write(3, clock);
    start(500);
    host.serve(socket());
    expect(socket().url.searchParams.get('tail')).toBe('500');
    expect(shown()).toEqual(['line 0', 'line 1', 'line 2']);
    expect(socket().acks).toEqual(['c2']);
  });

  it('loses and doubles nothing over breaks of the link, however they fall', () => {
    const host = new FakeHost();
    start();
    for (let round = 0; round < 20; round++) {
      host.write(1 + (round % 3), clock);
      host.serve(socket());
      host.write(round % 4, clock);
      clock += 1000;
      socket().onclose?.({ code: 1006, reason: '' });
      runTimers();
    }
    host.serve(socket());
    expect(shown()).toEqual(host.lines.map((line) => line.l).slice(-shown().length));
    expect(shown()).toHaveLength(Math.min(host.lines.length, store.loaded - store.slice(0, 10_000).lines.filter((line) => line.stream === 0).length));
    expect(new Set(shown()).size).toBe(shown().length);
    expect(socket().url.searchParams.has('tail')).toBe(false);
  });

  it('drops the line of the cursor itself should the server repeat it', () => {
    const host = new FakeHost();
    host.write(2, clock);
    start();
    host.serve(socket());
    socket().onclose?.({ code: 1006, reason: '' });
    runTimers();
    socket().onopen?.();
    socket().frame({ lines: [host.lines[1], { c: 'c2', t: new Date(clock).toISOString(), s: 1, l: 'line 2' }] });
    expect(shown()).toEqual(['line 0', 'line 1', 'line 2']);
  });

  it('says how long the link was down and how many lines came out of it', () => {
    const host = new FakeHost();
    host.write(1, clock);
    start();
    host.serve(socket());
    socket().onclose?.({ code: 1006, reason: '' });
    host.write(18, clock + 1000);
    clock += 2000;
    runTimers();
    host.serve(socket());
    host.write(1, clock + 5000);
    socket().frame({ lines: host.lines.slice(-1) });
    const note = store.slice(0, 100).lines.find((line) => line.note)?.note;
    expect(note).toEqual({ kind: 'recovered', from: clock - 2000, to: clock, lines: 18 });
  });

  it('waits longer after each failure and starts over after a success', () => {
    const host = new FakeHost();
    start();
    const waits: number[] = [];
    for (let n = 0; n < 4; n++) {
      socket().onclose?.({ code: 1006, reason: '' });
      waits.push(waiting[0]!.ms);
      runTimers();
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(new Set(waits).size).toBe(4);
    host.write(1, clock);
    host.serve(socket());
    socket().onclose?.({ code: 1006, reason: '' });
    expect(waiting[0]!.ms).toBe(waits[0]);
  });

  it('gives no credit while paused and full, so that the host waits and nothing is lost', () => {
    const host = new FakeHost();
    const session = start();
    host.write(100, clock);
    host.serve(socket());
    store.setPaused(true);
    host.write(100, clock);
    socket().frame({ lines: host.lines.slice(100) });
    expect(socket().acks).toEqual(['c99']);
    expect(session.held).toBe(true);
    store.setPaused(false);
    session.acknowledge();
    expect(socket().acks).toEqual(['c99', 'c199']);
  });

  it('ends with the container and does not come back', () => {
    const session = start();
    socket().onopen?.();
    socket().frame({ end: 'container' });
    socket().onclose?.({ code: 1000, reason: '' });
    expect(session.state).toBe('ended');
    expect(waiting).toHaveLength(0);
  });

  it('does not ask again when it was refused', () => {
    const session = start();
    socket().onclose?.({ code: 4403, reason: 'not allowed' });
    expect(session.state).toBe('refused');
    expect(session.reason).toBe('not allowed');
    expect(waiting).toHaveLength(0);
  });

  it('counts what the server skipped', () => {
    start();
    socket().frame({ lines: [], skipped: 7 });
    expect(store.slice(0, 10).lines[0]?.note).toEqual({ kind: 'skipped', lines: 7 });
  });
});
