/**
 * CPU and memory of the rows on screen. Each visible, running row asks for one reading every few seconds (a row that
 * scrolls away stops asking); CPU is the difference of two readings, as Docker's own client computes it.
 */
import { useQuery } from '@tanstack/react-query';
import { get } from '@/lib/api/client';
import { containerPath } from '@/lib/api/queries';
import type { Container } from '@/lib/api/types';

const EVERY_MS = 5000;
const FIRST_MS = 1500;
const KEPT = 22;

/** The part of Docker's stats answer that is read here. */
interface DockerStats {
  read: string;
  cpu_stats?: { cpu_usage?: { total_usage?: number }; system_cpu_usage?: number; online_cpus?: number };
  memory_stats?: { usage?: number; limit?: number; stats?: Record<string, number> };
}

export interface Usage {
  cpuPercent: number | null;
  memoryBytes: number | null;
  limitBytes: number | null;
  history: readonly number[];
}

interface Last {
  cpu: number;
  system: number;
  history: number[];
}

const last = new Map<string, Last>();

/** Memory without the page cache that the kernel would give back, as `docker stats` shows it. */
function workingSet(stats: DockerStats): number | null {
  const usage = stats.memory_stats?.usage;
  if (usage === undefined) return null;
  const cache = stats.memory_stats?.stats?.['total_inactive_file'] ?? stats.memory_stats?.stats?.['inactive_file'] ?? 0;
  return cache < usage ? usage - cache : usage;
}

export function usageOf(key: string, stats: DockerStats): Usage {
  const cpu = stats.cpu_stats?.cpu_usage?.total_usage ?? 0;
  const system = stats.cpu_stats?.system_cpu_usage ?? 0;
  const before = last.get(key);
  let cpuPercent: number | null = null;
  if (before && system > before.system && cpu >= before.cpu) {
    cpuPercent = ((cpu - before.cpu) / (system - before.system)) * (stats.cpu_stats?.online_cpus ?? 1) * 100;
  }
  const history = cpuPercent === null ? (before?.history ?? []) : [...(before?.history ?? []), cpuPercent].slice(-KEPT);
  last.set(key, { cpu, system, history });
  const limit = stats.memory_stats?.limit ?? null;
  return { cpuPercent, memoryBytes: workingSet(stats), limitBytes: limit, history };
}

export function useLiveUsage(container: Container): Usage | null {
  const key = `${container.host.id}/${container.id}`;
  // What is being stopped or removed may be gone before the answer comes.
  const measurable = container.state === 'running' && !container.stale && container.pending === null;
  const { data } = useQuery({
    queryKey: ['usage', container.host.id, container.id],
    queryFn: async ({ signal }) => usageOf(key, await get<DockerStats>(`${containerPath(container.host.id, container.id)}/stats`, undefined, signal)),
    enabled: measurable,
    // CPU needs two readings: the second comes soon.
    refetchInterval: (query) => (query.state.dataUpdateCount < 2 ? FIRST_MS : EVERY_MS),
    refetchIntervalInBackground: false,
    refetchOnWindowFocus: false,
    staleTime: EVERY_MS,
    gcTime: 60_000,
    retry: false,
  });
  return measurable ? (data ?? null) : null;
}
