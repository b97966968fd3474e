/** What a log line is made of: escape sequences, level, JSON. Pure functions, used in the worker and on the page. */

// eslint-disable-next-line no-control-regex -- escape sequences are control characters
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** The text without escape sequences and control characters; tabs become eight columns, as terminals show them. */
export function plainText(raw: string): string {
  let text = raw;
  if (text.endsWith('\r')) text = text.slice(0, -1);
  // A progress bar overwrites its line: what counts is what was written last.
  const carriage = text.lastIndexOf('\r');
  if (carriage >= 0) text = text.slice(carriage + 1);
  // eslint-disable-next-line no-control-regex -- see ESCAPES
  if (/[\u0000-\u001f\u007f]/.test(text)) text = text.replaceAll('\t', '        ').replace(ESCAPES, '');
  return text;
}

export interface Style {
  colour?: string;
  background?: string;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
}

export interface Segment {
  text: string;
  style: Style | null;
}

const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;

/** The 16 named colours follow the theme; black and white are the text's own colours so that both themes stay readable. */
function named(index: number): string {
  const name = NAMES[index % 8];
  return name === 'black' ? 'var(--mo-text-3)' : name === 'white' ? 'var(--mo-text)' : `var(--mo-ansi-${name ?? 'red'})`;
}

function indexed(index: number): string {
  if (index < 16) return named(index);
  if (index >= 232) {
    const level = 8 + (index - 232) * 10;
    return `rgb(${level} ${level} ${level})`;
  }
  const cube = index - 16;
  const part = (value: number) => (value === 0 ? 0 : 55 + value * 40);
  return `rgb(${part(Math.floor(cube / 36))} ${part(Math.floor(cube / 6) % 6)} ${part(cube % 6)})`;
}

/** Reads 38/48's arguments: `5;n` or `2;r;g;b`. Returns the colour and how many parameters it took. */
function extended(codes: readonly number[], at: number): [string | undefined, number] {
  if (codes[at] === 5) return [indexed(codes[at + 1] ?? 0), 2];
  if (codes[at] === 2) return [`rgb(${codes[at + 1] ?? 0} ${codes[at + 2] ?? 0} ${codes[at + 3] ?? 0})`, 4];
  return [undefined, 0];
}

function applyCodes(style: Style, codes: readonly number[]): Style {
  let next: Style = { ...style };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 22) {
      delete next.bold;
      delete next.dim;
    } else if (code === 23) delete next.italic;
    else if (code === 24) delete next.underline;
    else if (code >= 30 && code <= 37) next.colour = named(code - 30);
    else if (code >= 90 && code <= 97) next.colour = named(code - 90);
    else if (code >= 40 && code <= 47) next.background = named(code - 40);
    else if (code >= 100 && code <= 107) next.background = named(code - 100);
    else if (code === 39) delete next.colour;
    else if (code === 49) delete next.background;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, at + 1);
      if (colour !== undefined) next[code === 38 ? 'colour' : 'background'] = colour;
      at += used;
    }
  }
  return next;
}

// eslint-disable-next-line no-control-regex -- see ESCAPES
const SGR = /\u001b\[([0-9;:]*)m/g;

/** Splits a line at its colour changes. The texts joined are exactly `plainText(raw)`. */
export function segments(raw: string): Segment[] {
  if (!raw.includes('\u001b[')) return [{ text: plainText(raw), style: null }];
  const carriage = raw.replace(/\r$/, '').lastIndexOf('\r');
  const source = carriage >= 0 ? raw.slice(carriage + 1) : raw;
  const result: Segment[] = [];
  let style: Style = {};
  let at = 0;
  const push = (text: string) => {
    const plain = plainText(text);
    if (plain !== '') result.push({ text: plain, style: Object.keys(style).length > 0 ? style : null });
  };
  for (const match of source.matchAll(SGR)) {
    push(source.slice(at, match.index));
    at = match.index + match[0].length;
    style = applyCodes(style, (match[1] === '' ? '0' : (match[1] ?? '0')).split(/[;:]/).map(Number));
  }
  push(source.slice(at));
  return result;
}

export const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type Level = (typeof LEVELS)[number];

const LEVEL_WORDS: Record<string, Level> = {
  fatal: 'error', panic: 'error', critical: 'error', crit: 'error', alert: 'error', emerg: 'error', error: 'error', err: 'error', severe: 'error',
  warning: 'warn', warn: 'warn',
  info: 'info', notice: 'info', information: 'info',
  debug: 'debug', dbg: 'debug',
  trace: 'trace', verbose: 'trace',
};
const WORDS = Object.keys(LEVEL_WORDS).join('|');
const JSON_LEVEL = new RegExp(`"(?:level|severity|lvl|log\\.level)"\\s*:\\s*"(${WORDS})"`, 'i');
const KEY_LEVEL = new RegExp(`\\b(?:level|severity|lvl)=["']?(${WORDS})\\b`, 'i');
/** As a word of its own in capitals, or in brackets, near the start: "ERROR", "[warn]", "2025… INFO". */
const WORD_LEVEL = new RegExp(`(?:^|[\\s\\[(|:])(${WORDS.toUpperCase()})(?=[\\s\\])|:,]|$)|\\[(${WORDS})\\]|^(?:\\S+\\s+){0,3}<?(${WORDS})>?:`, '');
const STARTS = /^(?:Traceback \(most recent|panic: |Exception in thread|Unhandled|fatal error)/;
const HEAD = 160;

/** The level that a line states, or null. `plain` is the text without escapes. */
export function statedLevel(plain: string): Level | null {
  const head = plain.length > HEAD ? plain.slice(0, HEAD) : plain;
  if (plain.startsWith('{')) {
    const found = JSON_LEVEL.exec(plain);
    return found ? (LEVEL_WORDS[(found[1] ?? '').toLowerCase()] ?? null) : null;
  }
  const keyed = KEY_LEVEL.exec(head);
  if (keyed) return LEVEL_WORDS[(keyed[1] ?? '').toLowerCase()] ?? null;
  const word = WORD_LEVEL.exec(head);
  if (word) return LEVEL_WORDS[(word[1] ?? word[2] ?? word[3] ?? '').toLowerCase()] ?? null;
  return STARTS.test(head) ? 'error' : null;
}

/** An indented line goes with the line before it: a stack trace has one level. */
export const continues = (plain: string): boolean => /^\s+\S/.test(plain);

const LEADING = new RegExp(`^\\[?(?:${WORDS})\\]?:?\\s+`, 'i');

/** The level word in front of a line, to be shown in its own column; '' when the line does not start with one. */
export function leadingLevel(plain: string): string {
  return LEADING.exec(plain)?.[0] ?? '';
}

/** The fields of a line that is one JSON object, else null. */
export function jsonFields(plain: string): [string, unknown][] | null {
  if (!plain.startsWith('{') || !plain.endsWith('}')) return null;
  try {
    const value: unknown = JSON.parse(plain);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
  } catch {
    return null;
  }
}

/** Where a row may end: after a space or one of these. */
const BREAK_AFTER = ' ,;|&?/';
/** Words longer than this share of a row are cut instead of leaving the row half empty. */
const LONGEST_WORD = 0.6;

const isWide = (code: number): boolean =>
  (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60);

/**
 * Breaks a line into rows of `columns`, of which the first has `used` taken already. Returns the positions at which rows
 * begin after the first. The worker counts rows with it and the page breaks with it, so both always agree on heights.
 */
export function wrapBreaks(text: string, columns: number, used: number): number[] {
  const breaks: number[] = [];
  let room = Math.max(1, columns - used);
  let start = 0;
  let width = 0;
  let candidate = -1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const size = code < 0x300 ? 1 : code >= 0xdc00 && code <= 0xdfff ? 0 : code >= 0xd800 && code <= 0xdbff ? 2 : isWide(code) ? 2 : 1;
    // A space at the very end of a row does not begin a new one.
    if (width + size > room && !(code === 32 && width === room)) {
      const cut = candidate > start && candidate - start >= room * (1 - LONGEST_WORD) ? candidate : at;
      breaks.push(cut);
      start = cut;
      at = cut - 1;
      width = 0;
      candidate = -1;
      room = columns;
      continue;
    }
    width += size;
    if (code < 128 && BREAK_AFTER.includes(text[at] ?? '')) candidate = at + 1;
  }
  return breaks;
}
