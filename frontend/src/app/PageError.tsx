/** What a page shows when it threw: an old chunk after an upgrade, or a fault. Never white. */
import { Button } from '@mantine/core';
import { useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { common } from '@/messages';
import { Empty } from '@/ui/Empty';
import { QueryProblem } from '@/ui/Problem';
import classes from './Page.module.css';

const isOldChunk = (error: unknown): boolean => error instanceof Error && /dynamically imported module|module script failed|preload CSS/i.test(error.message);

export function PageError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  if (isOldChunk(error)) {
    return (
      <Empty
        art="taut"
        title={common.newVersionTitle}
        actions={
          <Button variant="filled" onClick={() => window.location.reload()}>
            {common.reload}
          </Button>
        }
      >
        <p>{common.newVersionText}</p>
      </Empty>
    );
  }
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <main className={classes.pad}>
      <QueryProblem error={error} onRetry={retry} />
    </main>
  );
}
