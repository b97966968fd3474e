import type { ReactNode } from 'react';
import classes from './Card.module.css';
import { cx } from './cx';

/** A titled group: properties, or a short list. */
export function Card({ title, right, top = false, children }: { title: string; right?: ReactNode; top?: boolean; children: ReactNode }) {
  return (
    <section className={cx(classes.card, top && classes.top)} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {right !== undefined && <span className={classes.right}>{right}</span>}
      </header>
      {children}
    </section>
  );
}
