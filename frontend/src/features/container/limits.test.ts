import { describe, expect, it } from 'vitest';
import { limitChanges, type Limits } from './limits';

const before: Limits = { memory: '64', cpus: '0.5', pids: '100', restart: 'no', retries: '' };

describe('limitChanges', () => {
  it('sends only what was changed', () => {
    expect(limitChanges(before, before, 4)).toEqual({ changes: null, problems: {} });
    expect(limitChanges(before, { ...before, memory: '128' }, 4)).toEqual({ changes: { memory_bytes: 128 * 1024 ** 2 }, problems: {} });
    expect(limitChanges(before, { ...before, restart: 'on-failure', retries: '3' }, 4)).toEqual({ changes: { restart_policy: { name: 'on-failure', max_retry: 3 } }, problems: {} });
  });

  it('lifts what Docker can lift, and says where it cannot', () => {
    expect(limitChanges(before, { ...before, cpus: '', pids: '' }, 4)).toEqual({ changes: { nano_cpus: 4e9, pids_limit: 0 }, problems: {} });
    expect(limitChanges(before, { ...before, memory: '' }, 4).problems.memory).toMatch('not lift');
    expect(limitChanges(before, { ...before, memory: '5' }, 4).problems.memory).toMatch('6 MiB');
    expect(Object.keys(limitChanges(before, { ...before, cpus: 'x', pids: '1.5' }, 4).problems)).toEqual(['cpus', 'pids']);
  });
});
