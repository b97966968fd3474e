import { describe, expect, it } from 'vitest';
import { containers } from '@/testing/world';
import { actions, whyNot, type ActionName } from './actions';

const named = (name: string) => containers.find((container) => container.name === name)!;

describe('acts on containers', () => {
  it('ask before data or a process is lost', () => {
    expect(actions.remove).toMatchObject({ asks: 'always', danger: true });
    expect(actions.kill).toMatchObject({ asks: 'always', danger: true });
    // Every act asks at least before it is done to several at once.
    for (const action of Object.values(actions)) expect(['always', 'several']).toContain(action.asks);
  });

  it('are possible in the states that Docker allows', () => {
    expect(whyNot('stop', named('postgres-main'))).toBeNull();
    expect(whyNot('start', named('postgres-main'))).not.toBeNull();
    expect(whyNot('start', named('legacy-report-cron'))).toBeNull();
    expect(whyNot('unpause', named('mailer'))).toBeNull();
  });

  it('say why they wait: the host is silent, or something is under way', () => {
    for (const action of Object.keys(actions) as ActionName[]) expect(whyNot(action, named('photo-archive'))).toContain('nas-closet');
    expect(whyNot('remove', named('search-indexer-blue-3'))).toContain('Stopping');
  });
});
