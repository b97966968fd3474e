import { describe, expect, it } from 'vitest';
import { LogStore, type Received } from './store';
import type { Filter } from './protocol';

const base = Date.parse('2026-01-01T00:00:00Z');
const line = (n: number, text = `line ${n}`, stream = 1): Received => ({ c: String(n), t: new Date(base + n * 1000).toISOString(), s: stream, l: text });
const many = (from: number, to: number) => Array.from({ length: to - from }, (_unused, at) => line(from + at));
const filter = (change: Partial<Filter> & { text?: string; only?: boolean; regex?: boolean }): Filter => ({
  hiddenLevels: change.hiddenLevels ?? [],
  stream: change.stream ?? 'both',
  search: { text: change.text ?? '', matchCase: false, regex: change.regex ?? false, only: change.only ?? false },
});
const texts = (store: LogStore, from = 0, rows = 1000) => store.slice(from, rows).lines.map((each) => each.text);

describe('the ring', () => {
  it('keeps the newest lines and counts what left', () => {
    const store = new LogStore(10);
    store.append(many(0, 25));
    expect(store.loaded).toBe(10);
    expect(store.evicted).toBe(15);
    expect(texts(store)).toEqual(many(15, 25).map((each) => each.l));
  });

  it('keeps its arrays and numbers right over many rounds', () => {
    const store = new LogStore(10);
    for (let n = 0; n < 500; n += 7) store.append(many(n, n + 7));
    expect(store.loaded).toBe(10);
    expect(store.totalRows).toBe(10);
    expect(texts(store)).toEqual(many(494, 504).map((each) => each.l));
    expect(Object.values(store.levels).reduce((a, b) => a + b)).toBe(10);
  });

  it('evicts nothing while paused, says when it is full, and lets go afterwards', () => {
    const store = new LogStore(10);
    store.append(many(0, 10));
    store.setPaused(true);
    const before = texts(store, 0, 5);
    store.append(many(10, 15));
    expect(texts(store, 0, 5)).toEqual(before);
    expect(store.newWhilePaused).toBe(5);
    expect(store.full).toBe(false);
    store.append(many(15, 20));
    expect(store.full).toBe(true);
    store.setPaused(false);
    expect(store.loaded).toBe(10);
    expect(store.newWhilePaused).toBe(0);
    expect(store.full).toBe(false);
  });
});

describe('filter and search', () => {
  const filled = () => {
    const store = new LogStore(100);
    store.append([line(1, 'INFO one'), line(2, 'ERROR two timeout', 2), line(3, '  at stack', 2), line(4, 'WARN three'), line(5, 'plain timeout')]);
    return store;
  };

  it('counts levels, an indented line with the line before it', () => {
    expect(filled().levels).toMatchObject({ error: 2, warn: 1, info: 2 });
  });

  it('hides levels and streams, for lines that come later too', () => {
    const store = filled();
    store.setFilter(filter({ hiddenLevels: ['error'] }));
    store.append([line(6, 'ERROR later'), line(7, 'INFO later')]);
    expect(texts(store)).toEqual(['INFO one', 'WARN three', 'plain timeout', 'INFO later']);
    store.setFilter(filter({ stream: 'err' }));
    expect(texts(store)).toEqual(['ERROR two timeout', '  at stack']);
  });

  it('walks the matches round and round', () => {
    const store = filled();
    store.setFilter(filter({ text: 'TIMEOUT' }));
    expect(store.hits).toBe(2);
    expect(store.hitIndex).toBe(-1);
    expect(store.seekHit(1, 0)).toBe(1);
    expect(store.seekHit(1, 0)).toBe(4);
    expect(store.seekHit(1, 0)).toBe(1);
    expect(store.seekHit(-1, 0)).toBe(4);
  });

  it('keeps its matches when lines leave the ring', () => {
    const store = new LogStore(4);
    store.setFilter(filter({ text: 'hit' }));
    for (let n = 0; n < 40; n++) store.append([line(n, n % 3 === 0 ? `hit ${n}` : `x ${n}`)]);
    // 36 … 39 are left, of which 36 and 39 match.
    expect(store.hits).toBe(2);
    expect(store.seekHit(1, 0)).toBe(0);
  });

  it('does not hide everything for half an expression', () => {
    const store = filled();
    store.setFilter(filter({ text: '(', regex: true, only: true }));
    expect(store.searchError).toBe(true);
    expect(store.shown).toBe(5);
  });
});

describe('rows', () => {
  it('gives a wrapped line as many as it takes', () => {
    const store = new LogStore(100);
    store.append([line(1, 'x'.repeat(25)), line(2, 'y')]);
    expect(store.totalRows).toBe(2);
    store.setWrap({ columns: 10, prefix: 0, stripLevel: false });
    expect(store.totalRows).toBe(4);
    expect(store.slice(3, 1).lines.map((each) => each.text)).toEqual(['y']);
    expect(store.slice(2, 1)).toMatchObject({ fromRow: 0 });
  });

  it('makes room below an opened line and takes it back', () => {
    const store = new LogStore(100);
    store.append(many(0, 3));
    const seq = store.slice(1, 1).lines[0]!.seq;
    store.setOpenRows(seq, 5);
    expect(store.totalRows).toBe(8);
    expect(store.slice(7, 1).lines.map((each) => each.text)).toEqual(['line 2']);
    store.setOpenRows(seq, 0);
    expect(store.totalRows).toBe(3);
  });
});

it('spreads lines over time', () => {
  const store = new LogStore(1000);
  store.append([...many(0, 120), line(120, 'ERROR last')]);
  const volume = store.volume()!;
  expect(volume.bars.reduce((sum, bar) => sum + bar.total, 0)).toBe(121);
  expect(volume.bars[volume.bars.length - 1]?.error).toBe(1);
});

it('exports what passes the filter, with times', () => {
  const store = new LogStore(10);
  store.append([line(1, 'INFO a'), line(2, 'ERROR b')]);
  store.setFilter(filter({ hiddenLevels: ['info'] }));
  expect(store.export()).toBe('2026-01-01T00:00:02.000Z ERROR b');
});
