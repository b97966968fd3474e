/** Nothing there: what this is, one act, one example. */
import type { ReactNode } from 'react';
import classes from './Empty.module.css';
import { LineArt } from './Mark';

interface Props {
  art?: 'slack' | 'taut';
  icon?: ReactNode;
  title: string;
  /** The heading of the page, when this is all there is. */
  asPage?: boolean;
  children?: ReactNode;
  actions?: ReactNode;
}

export function Empty({ art, icon, title, asPage = false, children, actions }: Props) {
  return (
    <div className={classes.empty}>
      {art && <LineArt taut={art === 'taut'} />}
      {icon}
      {asPage ? <h1>{title}</h1> : <h2>{title}</h2>}
      {children}
      {actions && <div className={classes.acts}>{actions}</div>}
    </div>
  );
}
