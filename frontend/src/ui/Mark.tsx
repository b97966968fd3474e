/** The mark: two posts and the line between them. */
import classes from './Mark.module.css';

export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg className={classes.mark} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path className={classes.post} d="M5.5 20V6M3 6h5M18.5 20V6M16 6h5" />
      <path className={classes.rope} d="M5.5 10.5c1.6 8 11.4 8 13 0" />
    </svg>
  );
}

/** A host's link: taut when it answers, slack and dashed when it does not. */
export function LinkGlyph({ up, label }: { up: boolean; label: string }) {
  return (
    <svg className={up ? classes.linkUp : classes.linkDown} viewBox="0 0 28 10" role="img" aria-label={label}>
      {up ? (
        <>
          <circle cx="3" cy="5" r="2.2" />
          <circle cx="25" cy="5" r="2.2" />
          <path d="M5 5h18" />
        </>
      ) : (
        <>
          <circle cx="3" cy="3" r="2.2" />
          <circle className={classes.open} cx="25" cy="3" r="1.9" />
          <path d="M5 3.6c3 6.8 15 6.8 18 .4" strokeDasharray="2.2 2.6" />
        </>
      )}
    </svg>
  );
}

/** The art of the empty states: a line thrown out and not yet caught, or taut between two posts. */
export function LineArt({ taut }: { taut: boolean }) {
  return (
    <svg className={classes.art} viewBox="0 0 120 44" aria-hidden="true">
      {taut ? (
        <>
          <path d="M20 40V10M12 10h16M100 40V10M92 10h16" />
          <path className={classes.taut} d="M20 16H100" />
        </>
      ) : (
        <>
          <path d="M60 40V10M50 10h20" />
          <path className={classes.slack} d="M60 16c20 24 36 24 52 14" />
        </>
      )}
    </svg>
  );
}

/** The two lines that leave the panel of the sign-in page. */
export function MooringLines() {
  const line = (
    <>
      <path d="M3 0C120 170 420 236 720 214" />
      <circle cx="0" cy="0" r="3.5" />
    </>
  );
  return (
    <>
      <svg className={classes.lineRight} viewBox="0 0 720 260" aria-hidden="true">
        {line}
      </svg>
      <svg className={classes.lineLeft} viewBox="0 0 720 260" aria-hidden="true">
        {line}
      </svg>
    </>
  );
}
