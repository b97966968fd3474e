import { describe, expect, it } from 'vitest';
import type { StatsSample } from '@/lib/api/types';
import { addSample, type Series } from './store';

const start: Series = { time: [], cpu: [], memory: [], rx: [], tx: [], read: [], write: [], pids: [], last: null, live: false };
const sample = (second: number, rx: number): StatsSample => ({ t: new Date(second * 1000).toISOString(), cpu_percent: 5, memory_bytes: 1, memory_limit_bytes: 2, rx_bytes: rx, tx_bytes: 0, read_bytes: 0, write_bytes: 0, pids: 1 });

describe('live readings', () => {
  it('turn counters into rates, without one for the first reading or after a reset', () => {
    let series = start;
    for (const [second, rx] of [[1, 100], [2, 300], [4, 700], [5, 50]] as const) series = addSample(series, sample(second, rx));
    expect(series.rx).toEqual([null, 200, 200, null]);
  });

  it('leave out a reading that does not move on', () => {
    const series = addSample(addSample(start, sample(2, 0)), sample(2, 0));
    expect(series.time).toHaveLength(1);
  });

  it('keep an hour', () => {
    let series = start;
    for (let second = 1; second <= 3700; second++) series = addSample(series, sample(second, second));
    expect(series.time).toHaveLength(3600);
    expect(series.time[0]).toBe(101);
  });
});
