/** The frame of a page: bar with title, count, running jobs and one primary act. */
import { Link } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { useEffect, type ReactNode } from 'react';
import { common, shell } from '@/messages';
import { Glyph } from '@/ui/Glyph';
import classes from './Page.module.css';
import { useRunningJobs } from './useRunningJobs';

interface Props {
  title: string;
  count?: ReactNode;
  parent?: { to: string; label: string };
  actions?: ReactNode;
  children: ReactNode;
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ${common.brand}`;
  }, [title]);
}

export function Page({ title, count, parent, actions, children }: Props) {
  useTitle(title);
  return (
    <main className={classes.page} id="content" tabIndex={-1}>
      <header className={classes.bar}>
        {parent && (
          <nav className={classes.crumb} aria-label="Breadcrumb">
            <Link to={parent.to}>{parent.label}</Link>
            <ChevronRight aria-hidden />
          </nav>
        )}
        <h1 className="ellipsis">{title}</h1>
        {count !== undefined && <span className={classes.count}>{count}</span>}
        <div className={classes.right}>
          <RunningJobs />
          {actions}
        </div>
      </header>
      {children}
    </main>
  );
}

export function RunningJobs() {
  const running = useRunningJobs();
  if (running === 0) return null;
  return (
    <Link to="/jobs" className={classes.running}>
      <Glyph name="work" tone="work" />
      {shell.runningJobs(running)}
    </Link>
  );
}
