import { describe, expect, it } from 'vitest';
import { containers, hosts } from '@/testing/world';
import { containerLook, containerRank, healthLook, hostLook, needsAttention } from './state';

const named = (name: string) => containers.find((container) => container.name === name)!;
const now = Date.now();

describe('what a state looks like', () => {
  it('is quiet when well and loud when not', () => {
    expect(containerLook(named('postgres-main'), now)).toMatchObject({ word: 'Running', glyph: 'run', loud: false });
    expect(containerLook(named('legacy-report-cron'), now)).toMatchObject({ word: 'Exited 137', glyph: 'bad', tone: 'bad', loud: true });
    expect(containerLook(named('db-migrate-2025-11-24'), now)).toMatchObject({ word: 'Exited 0', glyph: 'idle', loud: false });
    expect(containerLook(named('mailer'), now)).toMatchObject({ word: 'Paused', glyph: 'pause' });
  });

  it('shows what was asked for before what is', () => {
    expect(containerLook(named('search-indexer-blue-3'), now)).toMatchObject({ word: 'Stopping', tone: 'work', loud: true });
  });

  it('never claims to know a silent host', () => {
    const look = containerLook(named('photo-archive'), now);
    expect(look).toMatchObject({ word: 'Unknown', glyph: 'unknown', tone: 'stale', detail: 'was running' });
    expect(needsAttention(named('photo-archive'))).toBe(false);
    expect(hostLook(hosts.find((host) => host.name === 'nas-closet')!, now)).toMatchObject({ word: 'Unknown', tone: 'stale' });
  });

  it('says unhealthy loudly, and nothing where there is no check', () => {
    expect(healthLook(named('checkout-api'))).toMatchObject({ word: 'Unhealthy', loud: true });
    expect(healthLook(named('grafana'))).toMatchObject({ word: 'Healthy', loud: false });
    expect(healthLook(named('loadtest-k6'))).toBeNull();
  });

  it('sorts trouble first and what is not known last', () => {
    const order = ['checkout-api', 'geoip-updater', 'legacy-report-cron', 'postgres-main', 'mailer', 'photo-archive'].map((name) => containerRank(named(name)));
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });
});
