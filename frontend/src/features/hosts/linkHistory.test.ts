import { describe, expect, it } from 'vitest';
import type { Host, LinkChange } from '@/lib/api/types';
import { hosts } from '@/testing/world';
import { BARS, summariseLink } from './linkHistory';

const now = Date.parse('2026-01-02T00:00:00Z');
const hours = (n: number) => new Date(now - n * 3_600_000).toISOString();
const host = (history: LinkChange[], created = hours(1000)): Host => ({ ...hosts[0]!, created_at: created, link_history: history });

describe('the link of the last day', () => {
  it('is whole when nothing happened', () => {
    expect(summariseLink(host([{ at: hours(900), state: 'up' }]), now)).toEqual({ bars: Array(BARS).fill('up'), breaks: 0, longestSeconds: 0 });
  });

  it('shows a break where it was, however short, and counts it', () => {
    const summary = summariseLink(host([{ at: hours(900), state: 'up' }, { at: hours(12), state: 'lost' }, { at: new Date(now - 12 * 3_600_000 + 9000).toISOString(), state: 'up' }]), now);
    expect(summary.bars.filter((bar) => bar === 'break')).toHaveLength(1);
    expect(summary.bars[24]).toBe('break');
    expect(summary).toMatchObject({ breaks: 1, longestSeconds: 9 });
  });

  it('ends unknown while the host is silent, and counts only breaks that ended', () => {
    const summary = summariseLink(host([{ at: hours(900), state: 'up' }, { at: hours(1), state: 'lost' }]), now);
    expect(summary.bars.slice(-2)).toEqual(['unknown', 'unknown']);
    expect(summary.breaks).toBe(0);
  });

  it('is empty before the host joined', () => {
    const summary = summariseLink(host([{ at: hours(6), state: 'up' }], hours(6)), now);
    expect(summary.bars.filter((bar) => bar === 'before')).toHaveLength(36);
  });
});
