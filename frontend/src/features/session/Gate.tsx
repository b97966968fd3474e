/** The plain frame of set-up and sign-in: mark, one panel, and the line that leaves it. */
import type { ReactNode } from 'react';
import { useTitle } from '@/app/Page';
import { common } from '@/messages';
import { Mark, MooringLines } from '@/ui/Mark';
import { cx } from '@/ui/cx';
import classes from './Gate.module.css';

interface Props {
  title: string;
  lead: ReactNode;
  wide?: boolean;
  below?: ReactNode;
  children: ReactNode;
}

export function Gate({ title, lead, wide = false, below, children }: Props) {
  useTitle(title);
  return (
    <div className={classes.gate}>
      <main className={classes.middle}>
        <div className={cx(classes.box, wide && classes.wide)}>
          <div className={classes.brand}>
            <Mark size={30} />
            {common.brand}
          </div>
          <div className={classes.panel}>
            <MooringLines />
            <h1>{title}</h1>
            <p className={classes.lead}>{lead}</p>
            {children}
          </div>
          {below && <p className={classes.below}>{below}</p>}
        </div>
      </main>
    </div>
  );
}
