/**
 * What can be done to a container: in which states, whether it asks first, and the request. The list, the page and the
 * bulk bar all read this registry, so an act without its question cannot appear in one of them.
 */
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { awaitOutcome } from '@/features/jobs/outcomes';
import { ApiError, post, sayRefused } from '@/lib/api/client';
import { containerPath, type Rows } from '@/lib/api/queries';
import type { Container, ContainerDetail, ContainerState, Job } from '@/lib/api/types';
import { isSilent } from '@/lib/state';
import { common, containers as words, state as stateWords } from '@/messages';
import { showToast } from '@/ui/toasts';

export type ActionName = 'start' | 'stop' | 'restart' | 'kill' | 'pause' | 'unpause' | 'remove';

interface Action {
  name: ActionName;
  states: readonly ContainerState[];
  /** Asks always, only for several, or never. */
  asks: 'always' | 'several';
  danger: boolean;
  key?: string;
}

export const actions: Record<ActionName, Action> = {
  start: { name: 'start', states: ['created', 'exited', 'dead'], asks: 'several', danger: false },
  stop: { name: 'stop', states: ['running', 'paused', 'restarting'], asks: 'several', danger: false, key: 's' },
  restart: { name: 'restart', states: ['running', 'paused', 'restarting', 'exited', 'created'], asks: 'several', danger: false, key: 'r' },
  kill: { name: 'kill', states: ['running', 'paused', 'restarting'], asks: 'always', danger: true },
  pause: { name: 'pause', states: ['running'], asks: 'several', danger: false },
  unpause: { name: 'unpause', states: ['paused'], asks: 'several', danger: false },
  remove: { name: 'remove', states: ['created', 'exited', 'dead', 'running', 'paused', 'restarting', 'removing'], asks: 'always', danger: true },
};

/** Why the act is not possible now; null when it is. */
export function whyNot(action: ActionName, container: Container): string | null {
  if (container.stale || isSilent(container.host)) return words.hostSilentReason(container.host.name);
  if (container.pending) return words.pendingReason(stateWords.pending(container.pending.action));
  if (!actions[action].states.includes(container.state)) return stateWords.container[container.state];
  return null;
}

/** Marks rows as pending at once; the answer of the list confirms or corrects it. */
function setPending(client: QueryClient, target: Container, action: string | null, job = ''): void {
  const pending = action === null ? null : { action, job_id: job };
  client.setQueryData<Rows<Container>>(['containers'], (old) =>
    old ? { ...old, rows: old.rows.map((row) => (row.id === target.id && row.host.id === target.host.id ? { ...row, pending } : row)) } : old,
  );
  for (const [key, old] of client.getQueriesData<ContainerDetail>({ queryKey: ['containers', 'one'] })) {
    if (old && old.id === target.id && old.host.id === target.host.id) client.setQueryData<ContainerDetail>(key, { ...old, pending });
  }
}

export type Act = (action: ActionName | 'rename' | 'update', targets: readonly Container[], parameters?: Record<string, unknown>) => Promise<Job[]>;

/** Sends the act to each target, marks it pending, and says what was refused. The jobs are returned. */
export function useAct(): Act {
  const client = useQueryClient();
  return async (action, targets, parameters = {}) => {
    const jobs: Job[] = [];
    await Promise.all(
      targets.map(async (target) => {
        setPending(client, target, action);
        try {
          const job = await post<Job>(`${containerPath(target.host.id, target.id)}/actions`, { action, ...parameters });
          jobs.push(job);
          awaitOutcome(job);
          setPending(client, target, action, job.id);
        } catch (error) {
          setPending(client, target, null);
          showToast({ tone: 'bad', title: words.refused(action, target.name), detail: sayRefused(error) });
          if (!(error instanceof ApiError)) throw error;
        }
      }),
    );
    const first = jobs[0];
    if (targets.length > 1 && first) {
      showToast({ tone: jobs.length === targets.length ? 'ok' : 'warn', title: words.bulkPartly(action, jobs.length, targets.length), link: { to: '/jobs', label: common.jobLink(first.number) } });
    }
    void client.invalidateQueries({ queryKey: ['jobs'] });
    return jobs;
  };
}
