/** A failure: what, why, next, as one block with the act that is next; then code and request id, to be copied. */
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { asProblem } from '@/lib/api/client';
import type { ApiProblem } from '@/lib/api/types';
import { shortIds } from '@/lib/format';
import { common } from '@/messages';
import { CopyButton } from './CopyButton';
import { cx } from './cx';
import { Glyph } from './Glyph';
import classes from './Problem.module.css';

interface Props {
  title: string;
  problem: ApiProblem;
  tone?: 'bad' | 'warn';
  /** Three columns instead of three lines, for full-width banners. */
  wide?: boolean;
  actions?: ReactNode;
}

export function problemText(title: string, problem: ApiProblem): string {
  return [title, problem.what, problem.why, problem.next, problem.code, problem.request_id].filter(Boolean).join('\n');
}

export function Problem({ title, problem, tone = 'bad', wide = false, actions }: Props) {
  const rows = ([[common.what, problem.what === title ? '' : problem.what], [common.why, problem.why], [common.next, problem.next]] as const).filter(([, text]) => text !== '');
  const ids = [problem.code === 'internal' ? '' : problem.code, problem.request_id ? common.request(problem.request_id) : ''].filter(Boolean);
  return (
    <section className={cx(classes.problem, tone === 'warn' && classes.warn)} role="alert">
      <h2 className={classes.title}>
        <Glyph name={tone === 'warn' ? 'warn' : 'bad'} /> {title}
      </h2>
      {rows.length > 0 && (
        <dl className={wide ? classes.wide : classes.list}>
          {rows.map(([label, text]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{shortIds(text)}</dd>
            </div>
          ))}
        </dl>
      )}
      <div className={classes.acts}>
        {actions}
        <CopyButton text={problemText(title, problem)} label={common.copyDetails} />
      </div>
      {ids.length > 0 && <p className={classes.ids}>{ids.join(', ')}</p>}
    </section>
  );
}

/** The same for a query that failed, with the retry. */
export function QueryProblem({ title = common.problemTitle, error, onRetry }: { title?: string; error: unknown; onRetry?: () => void }) {
  return (
    <Problem
      title={title}
      problem={asProblem(error)}
      actions={
        onRetry && (
          <Button onClick={onRetry} variant="filled">
            {common.retry}
          </Button>
        )
      }
    />
  );
}
