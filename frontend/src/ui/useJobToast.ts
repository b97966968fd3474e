/** Says that a job was taken on, with the way to it. */
import { useQueryClient } from '@tanstack/react-query';
import type { Job } from '@/lib/api/types';
import { common } from '@/messages';
import { showToast } from './toasts';

export function useJobToast(): (title: string, job: Job | null) => void {
  const client = useQueryClient();
  return (title, job) => {
    void client.invalidateQueries({ queryKey: ['jobs'] });
    showToast({ tone: 'ok', title, ...(job ? { link: { to: `/jobs/${job.id}`, label: common.jobLink(job.number) } } : {}) });
  };
}
