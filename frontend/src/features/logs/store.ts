/**
 * The lines of one view: a ring with a limit, the filtered list over it, and the heights that turn a scroll position
 * into lines. While the reader is paused nothing is evicted until twice the limit; from then on `full` asks the session
 * to stop reading, so that the host keeps what is not shown and nothing is lost.
 */
import { continues, leadingLevel, plainText, statedLevel, wrapBreaks, type Level } from './text';
import { usedColumns, type Bar, type Filter, type LogLine, type Note, type Volume, type Wrap } from './protocol';

export interface Received {
  c: string;
  t: string;
  s: number;
  l: string;
}

interface Stored extends LogLine {
  plain: string;
  ms: number;
  /** Columns of the level word in front, which has its own column on a wide screen. */
  lead: number;
}

export const RING = 50_000;
const BARS = 120;

const everything: Filter = { hiddenLevels: [], stream: 'both', search: { text: '', matchCase: false, regex: false, only: false } };

function searchTest(filter: Filter): ((plain: string) => boolean) | null | 'invalid' {
  const { text, matchCase, regex } = filter.search;
  if (text === '') return null;
  if (regex) {
    try {
      const expression = new RegExp(text, matchCase ? '' : 'i');
      return (plain) => expression.test(plain);
    } catch {
      return 'invalid';
    }
  }
  if (matchCase) return (plain) => plain.includes(text);
  const lower = text.toLowerCase();
  return (plain) => plain.toLowerCase().includes(lower);
}

export class LogStore {
  private lines: Stored[] = [];
  private head = 0;
  private nextSeq = 1;
  /** Lines that pass the filter, and how many rows come before each; both are read from `viewHead` on. */
  private view: Stored[] = [];
  private rowsBefore: number[] = [];
  private viewHead = 0;
  private viewRows = 0;
  private hitList: Stored[] = [];
  private hitHead = 0;
  private hitAt = -1;
  private filter: Filter = everything;
  private test: ((plain: string) => boolean) | null = null;
  private wrap: Wrap | null = null;
  private readonly openRows = new Map<number, number>();
  private lastLevel: Level | null = null;

  evicted = 0;
  levels: Record<Level, number> = { error: 0, warn: 0, info: 0, debug: 0, trace: 0 };
  searchError = false;
  paused = false;
  newWhilePaused = 0;

  private readonly limit: number;

  constructor(limit = RING) {
    this.limit = limit;
  }

  get loaded(): number {
    return this.lines.length - this.head;
  }

  get shown(): number {
    return this.view.length - this.viewHead;
  }

  get totalRows(): number {
    return this.viewRows - (this.rowsBefore[this.viewHead] ?? this.viewRows);
  }

  get hits(): number {
    return this.hitList.length - this.hitHead;
  }

  get hitIndex(): number {
    return this.hitAt < this.hitHead ? -1 : this.hitAt - this.hitHead;
  }

  get hitSeq(): number | null {
    return this.hitIndex < 0 ? null : (this.hitList[this.hitAt]?.seq ?? null);
  }

  /** True while paused with twice the limit loaded: nobody should read more. */
  get full(): boolean {
    return this.paused && this.loaded >= 2 * this.limit;
  }

  append(batch: readonly Received[]): void {
    for (const line of batch) {
      const plain = plainText(line.l);
      let level = statedLevel(plain);
      if (level === null && continues(plain)) level = this.lastLevel;
      this.lastLevel = level;
      this.add({ seq: this.nextSeq++, time: line.t, stream: line.s === 2 ? 2 : 1, text: line.l, level, json: plain.startsWith('{') && plain.endsWith('}'), plain, ms: Date.parse(line.t), lead: leadingLevel(plain).length });
      this.levels[level ?? 'info'] += 1;
    }
    if (this.paused) this.newWhilePaused += batch.length;
    this.evict();
  }

  /** Adds a note of ours and returns it; its numbers may be corrected while it is shown. */
  addNote(note: Note): LogLine {
    const line: Stored = { seq: this.nextSeq++, time: '', stream: 0, text: '', level: null, json: false, note, plain: '', ms: this.lines[this.lines.length - 1]?.ms ?? Date.now(), lead: 0 };
    this.add(line);
    return line;
  }

  private add(line: Stored): void {
    this.lines.push(line);
    if (!this.passes(line)) return;
    this.view.push(line);
    this.rowsBefore.push(this.viewRows);
    this.viewRows += this.rowsOf(line);
    if (this.test && line.stream !== 0 && this.test(line.plain)) this.hitList.push(line);
  }

  private passes(line: Stored): boolean {
    if (line.stream === 0) return true;
    const { hiddenLevels, stream, search } = this.filter;
    if (stream !== 'both' && (stream === 'err') !== (line.stream === 2)) return false;
    if (hiddenLevels.length > 0 && hiddenLevels.includes(line.level ?? 'info')) return false;
    return !search.only || this.test === null || this.test(line.plain);
  }

  private rowsOf(line: Stored): number {
    const extra = this.openRows.get(line.seq) ?? 0;
    if (this.wrap === null || line.stream === 0) return 1 + extra;
    const from = this.wrap.stripLevel ? line.lead : 0;
    const used = usedColumns(line, this.wrap);
    // No character is wider than two columns, so this needs no look at them.
    if ((line.plain.length - from) * 2 + used <= this.wrap.columns) return 1 + extra;
    return 1 + extra + wrapBreaks(line.plain.slice(from), this.wrap.columns, used).length;
  }

  private evict(): void {
    const limit = this.paused ? 2 * this.limit : this.limit;
    if (this.loaded <= limit) return;
    const cut = this.loaded - limit;
    for (let n = 0; n < cut; n++) {
      const gone = this.lines[this.head + n];
      if (!gone) continue;
      if (gone.stream !== 0) this.levels[gone.level ?? 'info'] -= 1;
      if (this.view[this.viewHead] === gone) this.viewHead += 1;
      if (this.hitList[this.hitHead] === gone) this.hitHead += 1;
      this.openRows.delete(gone.seq);
    }
    this.head += cut;
    this.evicted += cut;
    // The arrays are cut only now and then: cutting moves everything behind it.
    if (this.head > this.limit) this.compact();
  }

  private compact(): void {
    this.lines = this.lines.slice(this.head);
    this.head = 0;
    const base = this.rowsBefore[this.viewHead] ?? this.viewRows;
    this.view = this.view.slice(this.viewHead);
    this.rowsBefore = this.rowsBefore.slice(this.viewHead).map((rows) => rows - base);
    this.viewRows -= base;
    this.viewHead = 0;
    this.hitList = this.hitList.slice(this.hitHead);
    this.hitAt -= this.hitHead;
    this.hitHead = 0;
  }

  private rebuild(): void {
    const current = this.hitSeq;
    const kept = this.lines.slice(this.head);
    this.lines = [];
    this.head = 0;
    this.view = [];
    this.rowsBefore = [];
    this.viewHead = 0;
    this.viewRows = 0;
    this.hitList = [];
    this.hitHead = 0;
    for (const line of kept) this.add(line);
    this.hitAt = current === null ? -1 : this.hitList.findIndex((line) => line.seq === current);
  }

  setFilter(filter: Filter): void {
    const test = searchTest(filter);
    this.searchError = test === 'invalid';
    this.test = test === 'invalid' ? null : test;
    this.filter = filter;
    this.hitAt = -1;
    this.rebuild();
  }

  /** How lines wrap, or null when they do not. */
  setWrap(wrap: Wrap | null): void {
    if (JSON.stringify(wrap) === JSON.stringify(this.wrap)) return;
    this.wrap = wrap;
    this.rebuild();
  }

  /** Gives a line extra rows below it (its opened JSON); 0 takes them away. */
  setOpenRows(seq: number, rows: number): void {
    if (rows > 0) this.openRows.set(seq, rows);
    else this.openRows.delete(seq);
    this.rebuild();
  }

  clear(): void {
    this.lines = [];
    this.head = 0;
    this.openRows.clear();
    this.levels = { error: 0, warn: 0, info: 0, debug: 0, trace: 0 };
    this.evicted = 0;
    this.newWhilePaused = 0;
    this.rebuild();
  }

  setPaused(paused: boolean): void {
    if (paused === this.paused) return;
    this.paused = paused;
    this.newWhilePaused = 0;
    if (!paused) this.evict();
  }

  /** The lines that cover `rows` rows from `topRow` on, and the row at which the first of them begins. */
  slice(topRow: number, rows: number): { fromRow: number; lines: LogLine[] } {
    if (this.shown === 0) return { fromRow: 0, lines: [] };
    const base = this.rowsBefore[this.viewHead] ?? 0;
    const first = this.indexAtRow(base + Math.max(0, topRow));
    const lines: LogLine[] = [];
    const until = base + topRow + rows;
    for (let at = first; at < this.view.length && (this.rowsBefore[at] ?? 0) < until; at++) {
      const line = this.view[at];
      if (line) lines.push({ seq: line.seq, time: line.time, stream: line.stream, text: line.text, level: line.level, json: line.json, ...(line.note ? { note: { ...line.note } } : {}) });
    }
    return { fromRow: (this.rowsBefore[first] ?? base) - base, lines };
  }

  private indexAtRow(row: number): number {
    let low = this.viewHead;
    let high = this.view.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.rowsBefore[middle] ?? 0) <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private rowOfSeq(seq: number): number | null {
    let low = this.viewHead;
    let high = this.view.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.view[middle]?.seq ?? 0;
      if (found === seq) return (this.rowsBefore[middle] ?? 0) - (this.rowsBefore[this.viewHead] ?? 0);
      if (found < seq) low = middle + 1;
      else high = middle - 1;
    }
    return null;
  }

  /** Moves to the next or previous match, from the viewport when none is current. Returns its row. */
  seekHit(direction: 1 | -1, topRow: number): number | null {
    if (this.hits === 0) return null;
    if (this.hitAt < this.hitHead) {
      const here = this.slice(topRow, 1).lines[0]?.seq ?? 0;
      const after = this.hitList.findIndex((line, index) => index >= this.hitHead && line.seq >= here);
      this.hitAt = direction === 1 ? (after < 0 ? this.hitHead : after) : after <= this.hitHead ? this.hitList.length - 1 : after - 1;
    } else {
      const count = this.hits;
      this.hitAt = this.hitHead + ((this.hitAt - this.hitHead + direction + count) % count);
    }
    const seq = this.hitSeq;
    return seq === null ? null : this.rowOfSeq(seq);
  }

  /** The row of the first line at or after a time. */
  rowAtTime(at: number): number {
    for (let index = this.viewHead; index < this.view.length; index++) {
      if ((this.view[index]?.ms ?? 0) >= at) return (this.rowsBefore[index] ?? 0) - (this.rowsBefore[this.viewHead] ?? 0);
    }
    return Math.max(0, this.totalRows - 1);
  }

  /** Lines over time, in equal bars from the first to the last line that is loaded. */
  volume(): Volume | null {
    const first = this.lines[this.head]?.ms;
    const last = this.lines[this.lines.length - 1]?.ms;
    if (first === undefined || last === undefined || !(last > first)) return null;
    const bars: Bar[] = Array.from({ length: BARS }, () => ({ total: 0, warn: 0, error: 0 }));
    const step = (last - first) / BARS;
    for (let at = this.head; at < this.lines.length; at++) {
      const line = this.lines[at];
      if (!line || line.stream === 0) continue;
      const bar = bars[Math.max(0, Math.min(BARS - 1, Math.floor((line.ms - first) / step)))];
      if (!bar) continue;
      bar.total += 1;
      if (line.level === 'error') bar.error += 1;
      else if (line.level === 'warn') bar.warn += 1;
    }
    return { from: first, to: last, bars, lines: this.loaded };
  }

  /** Everything that passes the filter, as `docker logs --timestamps` would print it. */
  export(): string {
    return this.view
      .slice(this.viewHead)
      .filter((line) => line.stream !== 0)
      .map((line) => `${line.time} ${line.plain}`)
      .join('\n');
  }
}

