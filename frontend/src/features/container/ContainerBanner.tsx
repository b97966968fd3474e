/** What is wrong with the container, why as far as it is known, and what to do: only when something is. */
import { Button } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import type { ApiProblem, ContainerDetail } from '@/lib/api/types';
import { formatTime } from '@/lib/format';
import { container as words, containers as listWords } from '@/messages';
import { ButtonLink } from '@/ui/links';
import { Problem } from '@/ui/Problem';
import classes from './ContainerBanner.module.css';

interface Diagnosis {
  title: string;
  problem: ApiProblem;
  /** A higher memory limit would mend it. */
  limits?: boolean;
}

const made = (code: string, what: string, why: string, next: string): ApiProblem => ({ code, what, why, next, message: what });

export function diagnose(container: ContainerDetail, now: number): Diagnosis | null {
  if (container.stale) return null;
  const w = words.banner;
  const state = container.inspect?.State;
  if (container.health === 'unhealthy' && container.state === 'running') {
    const health = state?.Health;
    const failures = (health?.Log ?? []).filter((entry) => entry.ExitCode !== 0);
    const test = container.inspect?.Config?.Healthcheck?.Test?.slice(1).join(' ') ?? '';
    // Docker keeps the last five checks; when all of them failed, the first failure may be older than what is known.
    const streak = health?.FailingStreak ?? failures.length;
    const since = streak <= failures.length ? failures[failures.length - streak]?.Start : undefined;
    const output = failures[failures.length - 1]?.Output.trim() ?? '';
    return { title: w.unhealthy(since ? formatTime(since, now) : ''), problem: made('', w.checkFailed(test || w.theCheck, streak), w.lastOutput(output.slice(0, 300)), w.noRestart) };
  }
  if (container.state === 'dead') return { title: w.dead, problem: made('dead', w.dead, state?.Error ?? '', w.deadNext) };
  if (container.state === 'created' && state?.Error) return { title: w.startError, problem: made('', w.startError, state.Error, '') };
  const code = container.exit_code ?? 0;
  if ((container.state === 'exited' || container.state === 'restarting') && code !== 0) {
    const why = state?.OOMKilled ? w.oom : state?.Error ? state.Error : code === 137 ? w.killed : code === 143 ? w.terminated : code === 127 ? w.commandNotFound : code === 126 ? w.notExecutable : w.exitedWhy;
    return { title: w.exited(code), problem: made('', '', why, state?.OOMKilled ? w.raise : container.state === 'restarting' ? w.restartsAgain : w.seeLogs), limits: state?.OOMKilled === true };
  }
  return null;
}

export function ContainerBanner({ container, now, onLimits }: { container: ContainerDetail; now: number; onLimits: () => void }) {
  const params = useParams({ from: '/shell/containers/$host/$id' });
  const found = diagnose(container, now);
  if (!found) return null;
  return (
    <div className={classes.banner}>
      <Problem
        title={found.title}
        problem={found.problem}
        wide
        actions={
          <>
            <ButtonLink to="/containers/$host/$id/logs" params={params}>
              {words.banner.openLogs}
            </ButtonLink>
            {found.limits && <Button onClick={onLimits}>{listWords.action.limits}</Button>}
          </>
        }
      />
    </div>
  );
}
