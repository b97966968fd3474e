import type { ContainerState } from '@/lib/api/types';

const container: Record<ContainerState, string> = {
  created: 'Created',
  running: 'Running',
  paused: 'Paused',
  restarting: 'Restarting',
  removing: 'Removing',
  exited: 'Exited',
  dead: 'Dead',
};

const doing: Record<string, string> = {
  start: 'Starting',
  stop: 'Stopping',
  restart: 'Restarting',
  kill: 'Killing',
  pause: 'Pausing',
  unpause: 'Resuming',
  remove: 'Removing',
  rename: 'Renaming',
  update: 'Updating',
  create: 'Creating',
  run: 'Creating',
  pull: 'Pulling',
};

export const state = {
  container,
  pending: (action: string) => doing[action] ?? 'Working',
  unknown: 'Unknown',
  was: (word: string) => `was ${word.toLowerCase()}`,
  times: (count: number) => `${count}×`,
  healthy: 'Healthy',
  unhealthy: 'Unhealthy',
  starting: 'Starting',
  noCheck: 'No check',
  linked: 'linked',
  linkLost: 'link lost',
  host: {
    ready: 'Ready',
    diskLow: 'Ready, disk low',
    degraded: 'Degraded',
    offline: 'Offline',
    pending: 'Waiting to join',
    cordoned: 'Cordoned',
  },
  job: { queued: 'Queued', running: 'Running', done: 'Done', failed: 'Failed', cancelled: 'Cancelled' },
};
