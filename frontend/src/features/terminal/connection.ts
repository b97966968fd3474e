/**
 * One terminal over /ws/terminal: opened with a one-time ticket, and after a break taken up again by its session with the
 * number of bytes already drawn, so that nothing is missing and nothing is drawn twice.
 */
import { asProblem, post } from '@/lib/api/client';
import { containerPath } from '@/lib/api/queries';
import type { TerminalTicket } from '@/lib/api/types';
import { socketUrl } from '@/lib/live/socket';

export type TerminalState = { kind: 'connecting' } | { kind: 'open'; reconnectedAfterMs?: number } | { kind: 'lost'; since: number } | { kind: 'exited'; code: number } | { kind: 'closed' } | { kind: 'failed'; message: string; next: string };

export interface TerminalRequest {
  host: string;
  container: string;
  shell: string;
  user: string;
  attach: boolean;
}

interface Control {
  type: string;
  code?: number;
  message?: string;
}

/** The server keeps a session this long without a viewer. */
const KEPT_MS = 60_000;
const RETRY_MS = [300, 700, 1500, 3000, 5000];

export class TerminalConnection {
  private socket: WebSocket | null = null;
  private session = '';
  private received = 0;
  private lostAt: number | null = null;
  private tries = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private done = false;
  private size: { rows: number; cols: number };
  private readonly encoder = new TextEncoder();

  constructor(
    private readonly request: TerminalRequest,
    size: { rows: number; cols: number },
    private readonly write: (bytes: Uint8Array) => void,
    private readonly changed: (state: TerminalState) => void,
  ) {
    this.size = size;
  }

  async open(): Promise<void> {
    this.changed({ kind: 'connecting' });
    const { host, container, shell, user, attach } = this.request;
    try {
      const ticket = await post<TerminalTicket>(`${containerPath(host, container)}/terminals`, { ...(shell ? { shell } : {}), ...(user ? { user } : {}), attach, ...this.size });
      // The tab may have been closed while the ticket was on its way.
      if (this.isDone()) return;
      this.session = ticket.session;
      this.connect(socketUrl('/ws/terminal', { ticket: ticket.ticket }));
    } catch (error) {
      const problem = asProblem(error);
      this.finish({ kind: 'failed', message: problem.why || problem.message, next: problem.next });
    }
  }

  private isDone(): boolean {
    return this.done;
  }

  private connect(url: string): void {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.changed(this.lostAt === null ? { kind: 'open' } : { kind: 'open', reconnectedAfterMs: Date.now() - this.lostAt });
      this.lostAt = null;
      this.sendSize();
    };
    socket.onmessage = (event: MessageEvent<ArrayBuffer | string>) => {
      if (typeof event.data === 'string') this.control(event.data);
      else {
        this.received += event.data.byteLength;
        this.write(new Uint8Array(event.data));
      }
    };
    socket.onclose = (event) => {
      if (this.done || this.socket !== socket) return;
      this.socket = null;
      if (event.code === 1000) {
        this.finish({ kind: 'closed' });
        return;
      }
      this.lostAt ??= Date.now();
      if (event.code >= 4400 || Date.now() - this.lostAt > KEPT_MS) {
        this.finish(event.reason ? { kind: 'failed', message: event.reason, next: '' } : { kind: 'closed' });
        return;
      }
      this.changed({ kind: 'lost', since: this.lostAt });
      const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)] ?? 5000;
      this.tries += 1;
      this.retry = setTimeout(() => this.connect(socketUrl('/ws/terminal', { session: this.session, resume: this.received })), wait);
    };
  }

  private control(text: string): void {
    let message: Control;
    try {
      message = JSON.parse(text) as Control;
    } catch {
      return;
    }
    if (message.type === 'exit') this.finish({ kind: 'exited', code: message.code ?? 0 });
    else if (message.type === 'error') this.finish({ kind: 'failed', message: message.message ?? '', next: '' });
  }

  private finish(state: TerminalState): void {
    this.done = true;
    clearTimeout(this.retry);
    this.socket?.close(1000);
    this.socket = null;
    this.changed(state);
  }

  type(text: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(this.encoder.encode(text));
  }

  typeBinary(text: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  }

  resize(rows: number, cols: number): void {
    this.size = { rows, cols };
    this.sendSize();
  }

  private sendSize(): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: 'resize', ...this.size }));
  }

  /** Leaves the socket; the server keeps the shell for a minute, or ends it at once when asked to. */
  close(): void {
    this.done = true;
    clearTimeout(this.retry);
    this.socket?.close(1000);
    this.socket = null;
  }
}
