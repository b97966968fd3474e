/**
 * One log from one container over /ws/logs. After a break it comes back with the last cursor, so that no line is missing
 * and none is doubled; it says how long the break was and how many lines came out of it. Lines are acknowledged only when
 * they are stored: a reader who is paused and full stops the host's sending, not its writing.
 */
import type { SocketState, LogLine } from './protocol';
import type { LogStore, Received } from './store';

interface Frame {
  lines?: Received[];
  skipped?: number;
  end?: string;
  error?: { message?: string; what?: string };
}

/** The part of WebSocket that is used; a test brings its own. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: string }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  send: (text: string) => void;
  close: () => void;
}

export interface Environment {
  connect: (url: string) => Socket;
  now: () => number;
  later: (act: () => void, ms: number) => () => void;
}

const BACKOFF_MS = [250, 500, 1000, 2000, 5000, 10_000];
/** Closed on purpose by the server: asking again would be refused again. */
const REFUSED = new Set([4401, 4403, 4404, 4400]);

export class LogSession {
  state: SocketState = 'connecting';
  reason = '';
  private socket: Socket | null = null;
  private cursor: string | null = null;
  private failures = 0;
  private cancelRetry: (() => void) | null = null;
  private lostAt: number | null = null;
  private recovering: { note: LogLine; until: number } | null = null;
  private unacked: string | null = null;
  private stopped = false;

  constructor(
    private readonly url: string,
    private readonly tail: number,
    private readonly store: LogStore,
    private readonly environment: Environment,
    private readonly changed: () => void,
  ) {}

  get lastCursor(): string | null {
    return this.cursor;
  }

  start(): void {
    const url = new URL(this.url);
    url.searchParams.set('timestamps', '1');
    if (this.cursor === null) url.searchParams.set('tail', String(this.tail));
    else url.searchParams.set('cursor', this.cursor);
    const socket = this.environment.connect(url.toString());
    this.socket = socket;
    this.unacked = null;
    socket.onopen = () => {
      this.state = 'open';
      this.changed();
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      let frame: Frame;
      try {
        frame = JSON.parse(event.data) as Frame;
      } catch {
        return;
      }
      this.receive(frame);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket || this.stopped) return;
      this.socket = null;
      if (this.state === 'ended') return;
      if (REFUSED.has(event.code)) {
        this.state = 'refused';
        this.reason = event.reason;
      } else this.retry();
      this.changed();
    };
  }

  private retry(): void {
    this.state = this.cursor === null ? 'connecting' : 'reconnecting';
    this.lostAt ??= this.environment.now();
    const wait = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)] ?? 10_000;
    this.failures += 1;
    this.cancelRetry = this.environment.later(() => this.start(), wait);
  }

  private receive(frame: Frame): void {
    if (frame.error) {
      this.state = 'refused';
      this.reason = frame.error.message ?? frame.error.what ?? '';
    }
    if (frame.skipped) this.store.addNote({ kind: 'skipped', lines: frame.skipped });
    let lines = frame.lines ?? [];
    // A server that repeats the line of the cursor itself must not double it here.
    if (lines.length > 0 && this.lostAt !== null && lines[0]?.c === this.cursor) lines = lines.slice(1);
    if (lines.length > 0) {
      this.failures = 0;
      this.noteRecovery(lines);
      this.store.append(lines);
      this.cursor = lines[lines.length - 1]?.c ?? this.cursor;
      this.unacked = this.cursor;
      this.acknowledge();
    }
    if (frame.end !== undefined) {
      this.state = 'ended';
      this.reason = frame.end;
      this.store.addNote({ kind: 'ended', reason: frame.end });
    }
    this.changed();
  }

  private noteRecovery(lines: readonly Received[]): void {
    if (this.lostAt !== null && this.cursor !== null) {
      const now = this.environment.now();
      const note = this.store.addNote({ kind: 'recovered', from: this.lostAt, to: now, lines: 0 });
      this.recovering = { note, until: now };
    }
    this.lostAt = null;
    if (!this.recovering) return;
    const { note, until } = this.recovering;
    const old = lines.filter((line) => Date.parse(line.t) <= until).length;
    if (note.note?.kind === 'recovered') note.note.lines += old;
    if (old < lines.length) this.recovering = null;
  }

  /** Gives the host credit for what is stored; withheld while the view is paused and full. */
  acknowledge(): void {
    if (this.unacked === null || this.store.full) return;
    this.socket?.send(JSON.stringify({ ack: this.unacked }));
    this.unacked = null;
  }

  get held(): boolean {
    return this.unacked !== null;
  }

  stop(): void {
    this.stopped = true;
    this.cancelRetry?.();
    this.socket?.close();
    this.socket = null;
  }
}
