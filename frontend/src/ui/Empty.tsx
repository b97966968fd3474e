/** Nothing there: what this is, one act, one example. */
import type { ReactNode } from 'react';
import classes from './Empty.module.css';
import { LineArt } from './Mark';

interface Props {
  art?: 'slack' | 'taut';
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}

export function Empty({ art, icon, title, children, actions }: Props) {
  return (
    <div className={classes.empty}>
      {art && <LineArt taut={art === 'taut'} />}
      {icon}
      <h2>{title}</h2>
      {children}
      {actions && <div className={classes.acts}>{actions}</div>}
    </div>
  );
}
