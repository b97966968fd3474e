import { describe, expect, it } from 'vitest';
import { dark, light, type ColourName } from './tokens';

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function ratio(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

const surfaces: ColourName[] = ['bg', 'surface', 'sunken', 'raised', 'well', 'hover', 'selected', 'hatch'];
const text: ColourName[] = ['text', 'text-2', 'text-3', 'link'];
const states: ColourName[] = ['ok', 'work', 'warn', 'bad', 'idle'];
const ansi: ColourName[] = ['ansi-red', 'ansi-green', 'ansi-yellow', 'ansi-blue', 'ansi-magenta', 'ansi-cyan'];

const pairs: [ColourName, ColourName, number][] = [
  ...text.flatMap((name) => surfaces.map((surface): [ColourName, ColourName, number] => [name, surface, 4.5])),
  ...states.flatMap((name) => [...surfaces, `${name}-soft` as ColourName].map((surface): [ColourName, ColourName, number] => [name, surface, 4.5])),
  ...states.flatMap((name) => (['text', 'text-2', 'text-3'] as ColourName[]).map((word): [ColourName, ColourName, number] => [word, `${name}-soft` as ColourName, 4.5])),
  ...ansi.flatMap((name) => (['well', 'bad-soft'] as ColourName[]).map((surface): [ColourName, ColourName, number] => [name, surface, 4.5])),
  ['text-3', 'press', 4.5],
  ['text-2', 'press', 4.5],
  ['on-accent', 'accent', 4.5],
  ['on-accent', 'accent-hover', 4.5],
  ['on-accent-soft', 'accent-soft', 4.5],
  ['on-bad-fill', 'bad-fill', 4.5],
  ['on-hit', 'hit', 4.5],
  ['on-hit', 'hit-now', 4.5],
  ['log-time', 'well', 4.5],
  ...(['surface', 'sunken', 'raised', 'bg'] as ColourName[]).map((surface): [ColourName, ColourName, number] => ['control', surface, 3]),
  ...surfaces.map((surface): [ColourName, ColourName, number] => ['focus', surface, 3]),
  ['spark', 'surface', 3],
  ['chart-1', 'surface', 3],
  ['chart-2', 'surface', 3],
];

describe.each([
  ['light', light],
  ['dark', dark],
] as const)('contrast in the %s scheme', (_name, colours) => {
  it('holds for every pair that the style sheets use', () => {
    const short = pairs.filter(([a, b, least]) => ratio(colours[a], colours[b]) < least).map(([a, b, least]) => `${a} on ${b}: ${ratio(colours[a], colours[b]).toFixed(2)} < ${least}`);
    expect(short).toEqual([]);
  });
});
