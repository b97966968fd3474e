import { describe, expect, it } from 'vitest';
import { compileFilter, hasTerm, parseTerms, toggleTerm, type Fields } from './filter';

interface Row {
  name: string;
  state: string;
  labels: string[];
  cpu: number | null;
  age: number | null;
}

const fields: Fields<Row> = {
  name: { kind: 'text', get: (row) => row.name },
  state: { kind: 'text', get: (row) => row.state },
  label: { kind: 'text', get: (row) => row.labels },
  cpu: { kind: 'number', get: (row) => row.cpu },
  created: { kind: 'age', get: (row) => row.age },
};

const rows: Row[] = [
  { name: 'web-1', state: 'running', labels: ['env=prod', 'team=a b'], cpu: 91, age: 30 },
  { name: 'web-2', state: 'exited', labels: ['env=stage'], cpu: null, age: 90_000 },
  { name: 'ci-runner-7', state: 'running', labels: [], cpu: 2.5, age: null },
];
const names = (query: string) => {
  const filter = compileFilter(query, fields);
  return rows.filter((row) => filter.matches(row, 0)).map((row) => row.name);
};

describe('filter language', () => {
  it('takes words as parts of any text field, all of them needed', () => {
    expect(names('web')).toEqual(['web-1', 'web-2']);
    expect(names('web prod')).toEqual(['web-1']);
    expect(names('')).toHaveLength(3);
  });

  it('knows either, not, any and regular expressions', () => {
    expect(names('name:web-1,ci-runner-7')).toEqual(['web-1', 'ci-runner-7']);
    expect(names('-name:ci-*')).toEqual(['web-1', 'web-2']);
    expect(names('name:*-7')).toEqual(['ci-runner-7']);
    expect(names('name:~^web-\\d$')).toEqual(['web-1', 'web-2']);
  });

  it('compares states whole, so that half a word does not match another state', () => {
    expect(names('state:running')).toEqual(['web-1', 'ci-runner-7']);
    expect(names('state:run')).toEqual([]);
  });

  it('compares numbers and ages, and leaves out rows without the value', () => {
    expect(names('cpu:>80')).toEqual(['web-1']);
    expect(names('cpu:91')).toEqual(['web-1']);
    expect(names('cpu:<=2.5')).toEqual(['ci-runner-7']);
    expect(names('created:>1d')).toEqual(['web-2']);
    expect(names('created:<10m')).toEqual(['web-1']);
  });

  it('does not take a port or a path for a field', () => {
    expect(parseTerms('localhost:5000/web http://x').map((term) => [term.field, term.value])).toEqual([
      [null, 'localhost:5000/web'],
      [null, 'http://x'],
    ]);
  });

  it('keeps quoted values together', () => {
    expect(names('label:"team=a b"')).toEqual(['web-1']);
    expect(parseTerms('a "b c" d').map((term) => term.value)).toEqual(['a', 'b c', 'd']);
  });

  it('reports what it cannot read and does not hide everything meanwhile', () => {
    expect(compileFilter('nosuch:x', fields).problems).toEqual(['nosuch:x']);
    expect(names('nosuch:x')).toHaveLength(3);
    expect(compileFilter('name:~(', fields).problems).toEqual(['name:~(']);
    expect(names('name:~(')).toHaveLength(3);
    // Half typed is not wrong yet.
    expect(compileFilter('cpu:>', fields).problems).toEqual([]);
    expect(names('state:')).toHaveLength(3);
  });

  it('toggles a term as a chip does', () => {
    expect(toggleTerm('web', 'state:running')).toBe('web state:running');
    expect(toggleTerm('web state:running', 'state:running')).toBe('web');
    expect(hasTerm('a state:running', 'state:running')).toBe(true);
    expect(hasTerm('a -state:running', 'state:running')).toBe(false);
  });
});
