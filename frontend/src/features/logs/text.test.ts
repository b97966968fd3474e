import { describe, expect, it } from 'vitest';
import { jsonFields, leadingLevel, plainText, segments, statedLevel, wrapBreaks } from './text';

const esc = '\u001b';

describe('escape sequences', () => {
  it('are taken out of the plain text, cursor movement and titles included', () => {
    expect(plainText(`${esc}[1;31mred${esc}[0m ${esc}[2Kx${esc}]0;title\u0007y`)).toBe('red xy');
    expect(plainText('a\tb\r')).toBe('a        b');
  });

  it('leave what a progress bar wrote last', () => {
    expect(plainText('10%\r55%\r100% done')).toBe('100% done');
  });

  it('become styles, and the texts joined are the plain text', () => {
    const raw = `a ${esc}[1;31mbold red${esc}[22m thin${esc}[39m off ${esc}[38;5;208mindexed${esc}[0m ${esc}[38;2;1;2;3mtrue${esc}[m end`;
    const parts = segments(raw);
    expect(parts.map((part) => part.text).join('')).toBe(plainText(raw));
    expect(parts[1]).toEqual({ text: 'bold red', style: { bold: true, colour: 'var(--mo-ansi-red)' } });
    expect(parts[2]?.style).toEqual({ colour: 'var(--mo-ansi-red)' });
    expect(parts.find((part) => part.text === 'indexed')?.style?.colour).toBe('rgb(255 135 0)');
    expect(parts.find((part) => part.text === 'true')?.style?.colour).toBe('rgb(1 2 3)');
    expect(parts[parts.length - 1]?.style).toBeNull();
  });
});

describe('levels', () => {
  it.each([
    ['ERROR something', 'error'],
    ['2025-11-24 12:00:00,123 WARNING root: slow', 'warn'],
    ['[info] hello', 'info'],
    ['level=debug msg=x', 'debug'],
    ['{"level":"error","msg":"x"}', 'error'],
    ['{"severity":"WARNING"}', 'warn'],
    ['Traceback (most recent call last):', 'error'],
    ['panic: runtime error', 'error'],
    ['GET /error 200', null],
    ['no errors found', null],
    ['information about things', null],
  ])('%s', (line, level) => expect(statedLevel(line)).toBe(level));

  it('finds the word in front, which gets its own column', () => {
    expect(leadingLevel('ERROR boom')).toBe('ERROR ');
    expect(leadingLevel('[WARN] boom')).toBe('[WARN] ');
    expect(leadingLevel('boom ERROR')).toBe('');
  });
});

describe('lines of JSON', () => {
  it('open as fields only when they are one object', () => {
    expect(jsonFields('{"a":1,"b":{"c":2}}')).toEqual([['a', 1], ['b', { c: 2 }]]);
    expect(jsonFields('{"a":1')).toBeNull();
    expect(jsonFields('[1]')).toBeNull();
  });
});

describe('wrapping', () => {
  const rows = (text: string, columns: number, used = 0) => {
    const breaks = wrapBreaks(text, columns, used);
    return [0, ...breaks].map((from, index) => text.slice(from, breaks[index]));
  };

  it('breaks at words and keeps every character', () => {
    expect(rows('the quick brown fox', 10)).toEqual(['the quick ', 'brown fox']);
    expect(rows('short', 10)).toEqual(['short']);
    const long = 'GET /v2/products?ids=118,204,377,412 dur=23ms '.repeat(9);
    for (const columns of [7, 20, 33, 80]) {
      expect(rows(long, columns).join('')).toBe(long);
      // One space may hang over the edge, as in every editor.
      expect(Math.max(...rows(long, columns).map((row) => row.trimEnd().length))).toBeLessThanOrEqual(columns);
    }
  });

  it('cuts a word that is too long, and leaves room for what stands in front', () => {
    expect(rows('x'.repeat(25), 10)).toEqual(['x'.repeat(10), 'x'.repeat(10), 'x'.repeat(5)]);
    expect(rows('x'.repeat(12), 10, 8)).toEqual(['xx', 'x'.repeat(10)]);
  });

  it('counts wide characters twice', () => {
    expect(rows('日本語日本語', 6)).toEqual(['日本語', '日本語']);
    expect(rows('🚀🚀🚀', 4)).toEqual(['🚀🚀', '🚀']);
  });
});
