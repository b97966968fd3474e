/** What a page shows when it threw: an old chunk after an upgrade, or a fault. Never white. */
import { Button } from '@mantine/core';
import { useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { common } from '@/messages';
import { Empty } from '@/ui/Empty';
import { QueryProblem } from '@/ui/Problem';
import classes from './Page.module.css';
import { PartMissing } from './partMissing';

export function PageError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  if (error instanceof PartMissing) {
    return (
      <main className={classes.pad}>
        <Empty
          art="slack"
          asPage
          title={common.partMissingTitle}
          actions={
            <>
              <Button variant="filled" onClick={retry}>
                {common.retry}
              </Button>
              <Button onClick={() => window.location.reload()}>{common.reload}</Button>
            </>
          }
        >
          <p>{common.partMissingText}</p>
        </Empty>
      </main>
    );
  }
  return (
    <main className={classes.pad}>
      <QueryProblem error={error} onRetry={retry} />
    </main>
  );
}
