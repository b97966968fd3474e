/** One job: its failure in what, why, next; its output live; who asked for what. Docked beside the list, or a page. */
import { ActionIcon, Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ExternalLink, RotateCw, X } from 'lucide-react';
import { useLayoutEffect, useRef, type ReactNode } from 'react';
import { ApiError, asProblem, post } from '@/lib/api/client';
import { jobQuery } from '@/lib/api/queries';
import type { Job } from '@/lib/api/types';
import { formatDuration, formatTime, secondsSince, shortId } from '@/lib/format';
import { useNow } from '@/lib/now';
import { jobIsOpen, jobLook, jobPercent, tookSeconds } from '@/lib/state';
import { common, jobs as words } from '@/messages';
import card from '@/ui/Card.module.css';
import { Card } from '@/ui/Card';
import { CopyButton } from '@/ui/CopyButton';
import { Empty } from '@/ui/Empty';
import { ActionIconLink, ButtonLink } from '@/ui/links';
import { ProgressLine } from '@/ui/Meter';
import { Problem, problemText, QueryProblem } from '@/ui/Problem';
import { StatePill } from '@/ui/StatePill';
import { showToast } from '@/ui/toasts';
import classes from './JobsPage.module.css';
import { useJobOutput } from './useJobOutput';

interface Props {
  id: string;
  docked?: boolean;
  onClose?: () => void;
  /** Shows another job in this place (after a retry). */
  onOpen: (id: string) => void;
}

export function JobDrawer({ id, docked = false, onClose, onOpen }: Props) {
  const { data: job, error, refetch } = useQuery(jobQuery(id));
  return (
    <aside className={classes.drawer} data-page={!docked || undefined} aria-label={job ? words.drawer(job.number) : words.title}>
      {job ? (
        <Loaded job={job} docked={docked} onClose={onClose} onOpen={onOpen} />
      ) : error instanceof ApiError && error.status === 404 ? (
        <Empty
          title={words.missingTitle}
          actions={
            onClose ? (
              <Button onClick={onClose}>{common.close}</Button>
            ) : (
              <ButtonLink variant="filled" to="/jobs">
                {words.toList}
              </ButtonLink>
            )
          }
        >
          <p>{words.missingText}</p>
        </Empty>
      ) : (
        error && (
          <div className={classes.body}>
            <QueryProblem error={error} onRetry={() => void refetch()} />
          </div>
        )
      )}
    </aside>
  );
}

function Loaded({ job, docked, onClose, onOpen }: { job: Job; docked: boolean; onClose: (() => void) | undefined; onOpen: (id: string) => void }) {
  const client = useQueryClient();
  const now = useNow();
  const output = useJobOutput(job.id);
  const again = useMutation({
    mutationFn: () => post<Job>(`/jobs/${job.id}/retry`),
    onSuccess: (next) => {
      void client.invalidateQueries({ queryKey: ['jobs'] });
      showToast({ tone: 'ok', title: words.retried(next.number) });
      onOpen(next.id);
    },
    onError: (error) => showToast({ tone: 'bad', title: asProblem(error).what, detail: asProblem(error).next }),
  });
  const cancel = useMutation({
    mutationFn: () => post<Job>(`/jobs/${job.id}/cancel`),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['jobs'] });
      showToast({ tone: 'ok', title: words.cancelled });
    },
    onError: (error) => showToast({ tone: 'bad', title: asProblem(error).what, detail: asProblem(error).next }),
  });
  const open = jobIsOpen(job);
  const value = jobPercent(job);
  const look = jobLook(job);
  const containerTarget = job.target.type === 'container' && job.host && job.target.id ? { host: job.host.id, id: shortId(job.target.id) } : null;
  const retry = job.retryable && (
    <Button leftSection={<RotateCw aria-hidden />} variant={job.state === 'failed' ? 'filled' : 'default'} disabled={again.isPending} onClick={() => again.mutate()}>
      {words.retry}
    </Button>
  );
  const details = [job.title, job.error ? problemText(job.title, job.error) : '', ...output.lines.map((line) => `${line.at} ${line.text}`)].filter(Boolean).join('\n');
  return (
    <>
      <header>
        <StatePill look={look} always />
        <h2 className="ellipsis" title={job.title}>
          {job.title}
        </h2>
        <div className={classes.headRight}>
          {docked && (
            <ActionIconLink className="desk" to="/jobs/$job" params={{ job: job.id }} aria-label={words.openPage} title={words.openPage}>
              <ExternalLink aria-hidden />
            </ActionIconLink>
          )}
          {onClose && (
            <ActionIcon onClick={onClose} aria-label={common.close}>
              <X aria-hidden />
            </ActionIcon>
          )}
        </div>
      </header>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard */}
      <div className={classes.body} tabIndex={0} role="region" aria-label={words.drawer(job.number)}>
        {open && value !== null && <ProgressLine percent={value} label={job.title} />}
        {job.error && job.state === 'failed' && <Problem title={job.error.what || words.failedTitle(job.title)} problem={job.error} actions={retry} />}
        {(job.state !== 'failed' || !job.error) && (retry || open || containerTarget) && (
          <div className="row">
            {retry}
            {open && (
              <Button disabled={cancel.isPending} onClick={() => cancel.mutate()}>
                {words.cancel}
              </Button>
            )}
            {containerTarget && job.kind !== 'container.remove' && (
              <ButtonLink to="/containers/$host/$id" params={containerTarget}>
                {words.openTarget}
              </ButtonLink>
            )}
          </div>
        )}
        <Output lines={output.lines} done={output.done} live={output.live || !open} now={now} />
        <Card title={words.details}>
          <dl className={card.properties}>
            <Fact label={words.by} value={job.actor} />
            {job.host && (
              <Fact label={words.host} value={job.host.name}>
                <Link className="link" to="/hosts" search={{ open: job.host.id }}>
                  {job.host.name}
                </Link>
              </Fact>
            )}
            {job.target.name && (
              <Fact label={words.target} value={`${job.target.type} ${job.target.name}`.trim()}>
                {job.target.type === 'container' ? (
                  <Link className="link" to="/containers" search={{ q: `name:${job.target.name}`, ...(job.host ? { host: job.host.name } : {}) }}>
                    {`${job.target.type} ${job.target.name}`}
                  </Link>
                ) : undefined}
              </Fact>
            )}
            <Fact label={words.created} value={formatTime(job.created_at, now)} />
            {job.started_at && (Date.parse(job.started_at) - Date.parse(job.created_at)) / 1000 > 1 && <Fact label={words.waited} value={formatDuration((Date.parse(job.started_at) - Date.parse(job.created_at)) / 1000)} />}
            {job.started_at && <Fact label={words.took} value={formatDuration(open ? Math.floor(tookSeconds(job, now) ?? 0) : (tookSeconds(job, now) ?? 0))} />}
            {typeof job.result === 'string' && job.result !== '' && <Fact label={words.result} value={job.result} />}
          </dl>
        </Card>
      </div>
      <footer>
        <span>
          {words.drawer(job.number)}
          {secondsSince(job.created_at, now) === null ? '' : `, ${job.kind}`}
          {job.attempts > 1 ? `, ${job.attempts}×` : ''}
        </span>
        {/* A failure has its own. */}
        {!(job.error && job.state === 'failed') && (
          <span className={classes.footRight}>
            <CopyButton text={details} label={common.copyDetails} />
          </span>
        )}
      </footer>
    </>
  );
}

function Fact({ label, value, children }: { label: string; value: string; children?: ReactNode }) {
  return (
    <>
      <dt>{label}</dt>
      <dd title={value}>{children ?? value}</dd>
    </>
  );
}

function Output({ lines, done, live, now }: { lines: ReturnType<typeof useJobOutput>['lines']; done: boolean; live: boolean; now: number }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  return (
    <section>
      <div className={classes.section}>
        <h3>{words.output}</h3>
        <span className={classes.sectionRight}>{!live && !done ? words.lostOutput : lines.length > 0 ? words.lines(lines.length) : ''}</span>
      </div>
      {lines.length === 0 ? (
        <p className={classes.nothing}>{done ? words.noOutputDone : words.noOutput}</p>
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard
        <div className={classes.output} ref={box} tabIndex={0} role="log" aria-label={words.output} onScroll={(event) => {
          const element = event.currentTarget;
          atEnd.current = element.scrollHeight - element.clientHeight - element.scrollTop < 4;
        }}>
          {lines.map((line) => (
            <div key={line.n} className={classes.line} data-stream={line.stream}>
              <span className={classes.outputTime}>{line.at ? formatTime(line.at, now) : ''}</span> {line.text}
            </div>
          ))}
        </div>
      )}
    </section>
  );
}
