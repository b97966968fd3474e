/**
 * The filter language of every list: `a b` both, `a,b` either, `-x` not, `*` any, `~re` a regular expression,
 * `field:value`, `field:>10m` for durations and `field:>80` for numbers, quotes for spaces. Words without a field search
 * all text fields. A half-typed term never hides everything: an unknown field or a bad expression is reported and skipped.
 */

export type Field<T> =
  | { kind: 'text'; get: (row: T) => string | readonly string[] }
  | { kind: 'number'; get: (row: T) => number | null }
  /** Seconds ago; null when there is no such time. */
  | { kind: 'age'; get: (row: T, now: number) => number | null };

export type Fields<T> = Record<string, Field<T>>;

export interface Term {
  raw: string;
  negated: boolean;
  field: string | null;
  value: string;
}

export interface Compiled<T> {
  terms: Term[];
  problems: string[];
  matches: (row: T, now: number) => boolean;
}

/** A colon before a port or a path is not a field: `localhost:5000/web` is one word. */
const TERM = /(-?)(?:([a-zA-Z_.-]+):(?!\d+\/|\/\/)("[^"]*"?|\S*)|("[^"]*"?|\S+))/g;

export function parseTerms(query: string): Term[] {
  const terms: Term[] = [];
  for (const match of query.matchAll(TERM)) {
    const value = (match[3] ?? match[4] ?? '').replace(/^"([^"]*)"?$/, '$1');
    terms.push({ raw: match[0], negated: match[1] === '-', field: match[2]?.toLowerCase() ?? null, value });
  }
  return terms;
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** One alternative of a text term; null when its regular expression is not valid (yet). */
function textMatcher(pattern: string, whole: boolean): ((text: string) => boolean) | null {
  if (pattern.startsWith('~')) {
    try {
      const expression = new RegExp(pattern.slice(1), 'i');
      return (text) => expression.test(text);
    } catch {
      return null;
    }
  }
  const lower = pattern.toLowerCase();
  if (lower.includes('*')) {
    const expression = new RegExp(`^${lower.split('*').map(escapeRegExp).join('.*')}$`);
    return (text) => expression.test(text);
  }
  return whole ? (text) => text === lower : (text) => text.includes(lower);
}

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };
const UNIT_FACTOR: Record<string, number> = { k: 1e3, m: 1e6, g: 1e9, ki: 1024, mi: 1024 ** 2, gi: 1024 ** 3, mib: 1024 ** 2, gib: 1024 ** 3, kib: 1024, mb: 1e6, gb: 1e9 };

function comparison(value: string, units: Record<string, number>): ((x: number) => boolean) | null {
  const match = /^(>=|<=|>|<|=)?\s*(\d+(?:\.\d+)?)\s*([a-z%]*)$/i.exec(value);
  if (!match) return null;
  const unit = (match[3] ?? '').toLowerCase();
  const factor = unit === '' || unit === '%' ? 1 : units[unit];
  if (factor === undefined) return null;
  const bound = Number(match[2]) * factor;
  switch (match[1]) {
    case '>':
      return (x) => x > bound;
    case '>=':
      return (x) => x >= bound;
    case '<':
      return (x) => x < bound;
    case '<=':
      return (x) => x <= bound;
    default:
      return (x) => x === bound;
  }
}

type Test<T> = (row: T, now: number) => boolean;

/** Fields whose values are words from a small set are compared whole: `state:running` must not match "not running". */
const WHOLE = new Set(['state', 'health', 'driver', 'role']);

function compileTerm<T>(term: Term, fields: Fields<T>, problems: string[]): Test<T> | null {
  if (term.field === null) {
    const matchers = term.value.split(',').filter(Boolean).map((part) => textMatcher(part, false));
    if (matchers.some((matcher) => matcher === null)) {
      problems.push(term.raw);
      return null;
    }
    const texts = Object.values(fields).filter((field) => field.kind === 'text');
    return (row) => {
      for (const field of texts) {
        const value = field.get(row);
        const all = typeof value === 'string' ? [value] : value;
        for (const text of all) if (matchers.some((matcher) => matcher?.(text.toLowerCase()))) return true;
      }
      return false;
    };
  }
  const field = fields[term.field];
  if (!field) {
    problems.push(term.raw);
    return null;
  }
  if (term.value === '') return null;
  if (field.kind === 'text') {
    const matchers = term.value.split(',').filter(Boolean).map((part) => textMatcher(part, WHOLE.has(term.field ?? '')));
    if (matchers.some((matcher) => matcher === null)) {
      problems.push(term.raw);
      return null;
    }
    return (row) => {
      const value = field.get(row);
      const all = typeof value === 'string' ? [value] : value;
      return all.some((text) => matchers.some((matcher) => matcher?.(text.toLowerCase())));
    };
  }
  const compare = comparison(term.value, field.kind === 'age' ? UNIT_SECONDS : UNIT_FACTOR);
  if (!compare) {
    if (!/^[<>]=?$/.test(term.value)) problems.push(term.raw);
    return null;
  }
  return (row, now) => {
    const value = field.kind === 'age' ? field.get(row, now) : field.get(row);
    return value !== null && compare(value);
  };
}

export function compileFilter<T>(query: string, fields: Fields<T>): Compiled<T> {
  const terms = parseTerms(query);
  const problems: string[] = [];
  const tests: Test<T>[] = [];
  for (const term of terms) {
    const test = compileTerm(term, fields, problems);
    if (test) tests.push(term.negated ? (row, now) => !test(row, now) : test);
  }
  return { terms, problems, matches: (row, now) => tests.every((test) => test(row, now)) };
}

/** Adds the term, or takes it away when it is there: what a facet chip does. */
export function toggleTerm(query: string, term: string): string {
  const terms = parseTerms(query).map((each) => each.raw);
  const without = terms.filter((raw) => raw !== term);
  return (without.length === terms.length ? [...terms, term] : without).join(' ');
}

export function hasTerm(query: string, term: string): boolean {
  return parseTerms(query).some((each) => each.raw === term);
}
