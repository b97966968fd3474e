/** What the page and the log worker say to each other. */
import type { Level } from './text';

export interface LogLine {
  /** Position in this view, never used twice; the key of a row. */
  seq: number;
  time: string;
  /** 1 stdout, 2 stderr, 0 a note of ours. */
  stream: 0 | 1 | 2;
  text: string;
  level: Level | null;
  /** Looks like one JSON object, so its fields can be opened. */
  json: boolean;
  note?: Note;
}

export type Note = { kind: 'recovered'; from: number; to: number; lines: number } | { kind: 'skipped'; lines: number } | { kind: 'ended'; reason: string };

export interface Search {
  text: string;
  matchCase: boolean;
  regex: boolean;
  only: boolean;
}

export interface Filter {
  hiddenLevels: Level[];
  stream: 'both' | 'out' | 'err';
  search: Search;
}

/** How lines break: at so many columns, with so many taken by the time in front, the leading level shown in its own column. */
export interface Wrap {
  columns: number;
  prefix: number;
  stripLevel: boolean;
}

/** The mark before a line from stderr, and the button before a JSON line, in columns. */
const STDERR_COLUMNS = 8;
const JSON_COLUMNS = 3;

/** Columns of the first row that are taken before the text begins. */
export function usedColumns(line: { stream: number; json: boolean }, wrap: Wrap): number {
  return wrap.prefix + (line.stream === 2 ? STDERR_COLUMNS : 0) + (line.json ? JSON_COLUMNS : 0);
}

/** Rows are text rows of 18 px: a wrapped line takes several. */
export interface Viewport {
  topRow: number;
  rows: number;
  follow: boolean;
}

export type ToWorker =
  | { type: 'open'; url: string; tail: number }
  | { type: 'close' }
  | { type: 'view'; viewport: Viewport }
  | { type: 'filter'; filter: Filter }
  | { type: 'wrap'; wrap: Wrap | null }
  | { type: 'open-json'; seq: number; rows: number }
  | { type: 'seek-hit'; direction: 1 | -1 }
  | { type: 'seek-time'; at: number }
  | { type: 'clear' }
  | { type: 'export' };

export type SocketState = 'connecting' | 'open' | 'reconnecting' | 'ended' | 'refused';

export interface Bar {
  total: number;
  warn: number;
  error: number;
}

export interface Volume {
  from: number;
  to: number;
  bars: Bar[];
  lines: number;
}

/** At most twenty a second: the numbers, and the lines of the viewport. */
export interface Tick {
  type: 'tick';
  state: SocketState;
  reason: string;
  totalRows: number;
  /** The first row of `lines`. */
  fromRow: number;
  lines: LogLine[];
  follow: boolean;
  shown: number;
  loaded: number;
  evicted: number;
  newWhilePaused: number;
  /** The window of credit is used up while paused: more lines wait on the host. */
  held: boolean;
  levels: Record<Level, number>;
  hits: number;
  hitIndex: number;
  hitSeq: number | null;
  searchError: boolean;
  volume: Volume | null;
}

export type FromWorker = Tick | { type: 'scroll'; row: number } | { type: 'export'; text: string };
