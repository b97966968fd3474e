/**
 * What came of the jobs that were asked for in this tab. Asked for is not done: a job is said to be under way, and what it
 * came to is said when it ends, a failure with its reason. The job list is the record; this is only for who waits.
 */
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { jobsQuery } from '@/lib/api/queries';
import type { Job } from '@/lib/api/types';
import { shortIds } from '@/lib/format';
import { jobIsOpen } from '@/lib/state';
import { common, jobs as words } from '@/messages';
import { dismissToast, showToast, type Toast } from '@/ui/toasts';

/** By job id; the toast that says it is under way, or null when its object's own row says so. */
const awaited = new Map<string, number | null>();

/** Says the end of this job: of a failure always, of a success where `toast` said that it began. */
export function awaitOutcome(job: Job, toast: number | null = null): void {
  awaited.set(job.id, toast);
}

export function outcomeOf(job: Job, said: boolean): Omit<Toast, 'id'> | null {
  const link = { to: `/jobs/${job.id}`, label: common.jobLink(job.number) };
  if (job.state === 'failed') {
    const detail = [job.error?.why, job.error?.next].filter(Boolean).map((part) => shortIds(part ?? '').replace(/\.$/, ''));
    return { tone: 'bad', title: job.error?.what ?? words.failedTitle(job.title), ...(detail.length > 0 ? { detail: `${detail.join('. ')}.` } : {}), link };
  }
  return said ? { tone: job.state === 'succeeded' ? 'ok' : 'warn', title: words.ended(job.title, job.state === 'succeeded'), link } : null;
}

/** Watches the newest jobs; mounted once, in the shell. */
export function useJobOutcomes(): void {
  const { data } = useInfiniteQuery(jobsQuery);
  const newest = data?.pages[0]?.results;
  useEffect(() => {
    for (const job of newest ?? []) {
      const toast = awaited.get(job.id);
      if (toast === undefined || jobIsOpen(job)) continue;
      awaited.delete(job.id);
      if (toast !== null) dismissToast(toast);
      const outcome = outcomeOf(job, toast !== null);
      if (outcome) showToast(outcome);
    }
  }, [newest]);
}

/** Says that a job was taken on, with the way to it, and later what came of it. */
export function useJobToast(): (title: string, job: Job | null) => void {
  const client = useQueryClient();
  return (title, job) => {
    const toast = showToast(job ? { tone: 'work', title, link: { to: `/jobs/${job.id}`, label: common.jobLink(job.number) } } : { tone: 'ok', title });
    if (job) awaitOutcome(job, toast);
    void client.invalidateQueries({ queryKey: ['jobs'] });
  };
}
