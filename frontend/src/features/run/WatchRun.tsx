/** What happens after "Run": the job's output beside the form. It leads to the container when it runs; a failure keeps the form. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { containersQuery, jobQuery } from '@/lib/api/queries';
import type { Container, Job } from '@/lib/api/types';
import { shortId } from '@/lib/format';
import { jobIsOpen } from '@/lib/state';
import { common } from '@/messages';
import { showToast } from '@/ui/toasts';
import { JobDrawer } from '@/features/jobs/JobDrawer';
import classes from './RunPage.module.css';

const POLL_MS = 1000;

function idIn(result: unknown): string | null {
  if (typeof result === 'string') return /^[0-9a-f]{12,64}$/.test(result) ? result : null;
  if (typeof result !== 'object' || result === null) return null;
  for (const key of ['id', 'Id', 'container_id']) {
    const value = (result as Record<string, unknown>)[key];
    if (typeof value === 'string') return value;
  }
  return null;
}

function containerOf(job: Job, containers: readonly Container[]): string | null {
  const id = idIn(job.result) ?? (job.target.type === 'container' && job.target.id ? job.target.id : null);
  if (id) return id;
  return containers.find((container) => container.host.id === job.host?.id && container.name === job.target.name)?.id ?? null;
}

export function WatchRun({ job: started, onClose }: { job: Job; onClose: () => void }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [id, setId] = useState(started.id);
  const { data: job } = useQuery({ ...jobQuery(id), refetchInterval: (query) => (query.state.data && !jobIsOpen(query.state.data) ? false : POLL_MS) });
  useEffect(() => {
    if (job?.state !== 'succeeded') return;
    void (async () => {
      // The list may not have the new row yet; it is asked before the page that reads it opens.
      const rows = await client.query({ ...containersQuery, staleTime: 0 });
      const container = containerOf(job, rows.rows);
      showToast({ tone: 'ok', title: job.title, link: { to: `/jobs/${job.id}`, label: common.jobLink(job.number) } });
      await navigate(job.host && container ? { to: '/containers/$host/$id', params: { host: job.host.id, id: shortId(container) } } : { to: '/containers' });
    })();
  }, [job, client, navigate]);
  return (
    <div className={classes.watch}>
      <JobDrawer key={id} id={id} docked onClose={onClose} onOpen={setId} />
    </div>
  );
}
