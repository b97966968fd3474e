import { describe, expect, it } from 'vitest';
import { columnsOf, jsonFields, leadingLevel, plainText, segments, statedLevel } from './text';

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

it('counts wide characters twice', () => {
  expect(columnsOf('abc')).toBe(3);
  expect(columnsOf('日本')).toBe(4);
  expect(columnsOf('🚀')).toBe(2);
});
