import { useInfiniteQuery } from '@tanstack/react-query';
import { jobsQuery } from '@/lib/api/queries';
import { jobIsOpen } from '@/lib/state';

/** How many jobs are queued or running, from the newest page of jobs. */
export function useRunningJobs(): number {
  const { data } = useInfiniteQuery(jobsQuery);
  return data?.pages[0]?.results.filter(jobIsOpen).length ?? 0;
}

/** Failed jobs among the newest page that ended within the last day. */
export function useFailedJobs(now: number): number {
  const { data } = useInfiniteQuery(jobsQuery);
  const since = now - 86_400_000;
  return data?.pages[0]?.results.filter((job) => job.state === 'failed' && Date.parse(job.finished_at ?? job.created_at) > since).length ?? 0;
}
