/** What a change of limits asks of the engine, and what Docker would refuse or quietly ignore. */
import { containers as words } from '@/messages';

/** As typed: memory in MiB, CPUs in cores, empty for no limit. */
export interface Limits {
  memory: string;
  cpus: string;
  pids: string;
  restart: string;
  retries: string;
}

export interface Changes {
  memory_bytes?: number;
  nano_cpus?: number;
  pids_limit?: number;
  restart_policy?: { name: string; max_retry: number };
}

const MIB = 1024 ** 2;
const LEAST_MIB = 6;

/**
 * Only what differs from `before`; null when nothing does. Docker takes 0 for "as it is", so a memory limit cannot be
 * lifted, and CPUs are set free by giving all of the host's `cores`; processes alone have a word for no limit.
 */
export function limitChanges(before: Limits, now: Limits, cores: number | null): { changes: Changes | null; problems: Partial<Record<keyof Limits, string>> } {
  const changes: Changes = {};
  const problems: Partial<Record<keyof Limits, string>> = {};
  const changed = (key: keyof Limits) => now[key].trim() !== before[key];
  const number = (key: keyof Limits, whole: boolean): number | null => {
    const value = Number(now[key]);
    if (value > 0 && (!whole || Number.isInteger(value))) return value;
    problems[key] = words.limitsNumber;
    return null;
  };
  if (changed('memory')) {
    if (now.memory.trim() === '') problems.memory = words.limitsMemoryFixed;
    else {
      const mib = number('memory', false);
      if (mib !== null && mib < LEAST_MIB) problems.memory = words.limitsMemoryLeast;
      else if (mib !== null) changes.memory_bytes = Math.round(mib * MIB);
    }
  }
  if (changed('cpus')) {
    const count = now.cpus.trim() === '' && cores !== null ? cores : number('cpus', false);
    if (count !== null) changes.nano_cpus = Math.round(count * 1e9);
  }
  if (changed('pids')) {
    const count = now.pids.trim() === '' ? 0 : number('pids', true);
    if (count !== null) changes.pids_limit = count;
  }
  if (changed('restart') || (now.restart === 'on-failure' && changed('retries'))) {
    const times = now.restart !== 'on-failure' || now.retries.trim() === '' ? 0 : number('retries', true);
    if (times !== null) changes.restart_policy = { name: now.restart, max_retry: times };
  }
  return { changes: Object.keys(changes).length > 0 ? changes : null, problems };
}
