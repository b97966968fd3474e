import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { Page } from '@/app/Page';
import { jobQuery } from '@/lib/api/queries';
import { jobs as words } from '@/messages';
import { JobDrawer } from './JobDrawer';

/** A job at an address of its own, to be sent to somebody. */
export function JobPage() {
  const { job } = useParams({ from: '/shell/jobs/$job' });
  const navigate = useNavigate();
  const { data } = useQuery(jobQuery(job));
  return (
    <Page title={data ? words.drawer(data.number) : words.one} parent={{ to: '/jobs', label: words.title }}>
      <JobDrawer key={job} id={job} onOpen={(id) => void navigate({ to: '/jobs/$job', params: { job: id } })} />
    </Page>
  );
}
