/** A command or a path to be read and copied. */
import type { ReactNode } from 'react';
import { common } from '@/messages';
import classes from './Codebox.module.css';
import { CopyButton } from './CopyButton';

export function Codebox({ children, copy, copyLabel = common.copy, label }: { children: ReactNode; copy?: string; copyLabel?: string; label?: string }) {
  return (
    <div className={classes.box} data-copy={copy !== undefined || undefined}>
      <pre className={classes.text} aria-label={label}>
        {children}
      </pre>
      {copy !== undefined && (
        <span className={classes.copy}>
          <CopyButton text={copy} label={copyLabel} icon />
        </span>
      )}
    </div>
  );
}
