/** A state in a table or a head: glyph + word + how long. Quiet text when well, a tinted pill when not. */
import type { Look } from '@/lib/state';
import { cx } from './cx';
import { Glyph } from './Glyph';
import classes from './StatePill.module.css';

interface Props {
  look: Look;
  /** Page heads show every state as a pill; tables only the loud ones. */
  always?: boolean;
  className?: string | undefined;
}

export function StatePill({ look, always = false, className }: Props) {
  const pill = always || look.loud;
  return (
    <span className={cx(pill ? classes.pill : classes.plain, classes[look.tone], className)} data-state={look.word}>
      <Glyph name={look.glyph} />
      <span>{look.word}</span>
      {look.detail !== undefined && <span className={classes.detail} data-detail>{look.detail}</span>}
    </span>
  );
}
