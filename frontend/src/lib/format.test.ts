import { describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatBytesOf, formatCount, formatDuration, formatPercent, formatRate, secondsSince, shortIds, splitImage } from './format';

describe('formats', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [412 * 1024 ** 2, '412 MiB'],
    [1.71 * 1024 ** 3, '1.71 GiB'],
  ])('bytes %d', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('shortens whole ids and nothing else', () => {
    const id = 'b9f49cfdc4cc'.padEnd(64, '0');
    expect(shortIds(`on endpoint web (${id}): sha256:${id}, ${id.slice(0, 40)}`)).toBe(`on endpoint web (b9f49cfdc4cc): b9f49cfdc4cc, ${id.slice(0, 40)}`);
  });

  it('gives used and whole in the unit of the whole', () => {
    expect(formatBytesOf(40 * 1024 ** 3, 64 * 1024 ** 3)).toBe('40 of 64 GiB');
    expect(formatBytesOf(512 * 1024 ** 2, 4 * 1024 ** 3)).toBe('0.5 of 4 GiB');
  });

  it.each([
    [0.023, '23 ms'],
    [0.4, '0.4 s'],
    [59, '59 s'],
    [48 * 60, '48 min'],
    [3600 * 2 + 12 * 60, '2 h 12 min'],
    [86_400 * 3 + 3600 * 4, '3 d 4 h'],
    [86_400 * 41, '41 d'],
  ])('duration %d', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it.each([
    [2, 'now'],
    [61, '1 min'],
    [86_400 * 8, '8 d'],
  ])('age %d', (seconds, text) => expect(formatAge(seconds)).toBe(text));

  it('counts, shares and rates', () => {
    expect(formatCount(1234)).toBe('1,234');
    expect(formatCount(18_400)).toBe('18.4k');
    expect(formatPercent(2.14)).toBe('2.1%');
    expect(formatPercent(63.7)).toBe('64%');
    expect(formatRate(3_120_000)).toBe('3.12 MB/s');
  });

  it('has no age for the year that Docker writes for "never"', () => {
    expect(secondsSince('0001-01-01T00:00:00Z', Date.now())).toBeNull();
    expect(secondsSince(null, Date.now())).toBeNull();
  });

  it('splits images at the tag, not at the port of a registry', () => {
    expect(splitImage('localhost:5000/shop/web:1.2')).toEqual({ repository: 'localhost:5000/shop/web', tag: ':1.2' });
    expect(splitImage('localhost:5000/shop/web')).toEqual({ repository: 'localhost:5000/shop/web', tag: '' });
    expect(splitImage('web@sha256:abcdef').repository).toBe('web');
  });
});
