/** Load bars, progress and sparklines: neutral until a limit is near. */
import classes from './Meter.module.css';

export type Level = 'normal' | 'warn' | 'bad' | 'work';

export function levelOf(percent: number, warnAt: number, badAt = Infinity): Level {
  if (percent >= badAt) return 'bad';
  return percent >= warnAt ? 'warn' : 'normal';
}

export function Meter({ percent, level = 'normal', width = 44 }: { percent: number; level?: Level; width?: number | '100%' }) {
  const filled = Math.max(0, Math.min(100, percent));
  return (
    <svg className={classes.meter} width={width} height="4" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <rect className={classes.track} width="100" height="4" />
      <rect className={classes[level]} width={filled} height="4" />
    </svg>
  );
}

export function ProgressLine({ percent, level = 'work', label }: { percent: number; level?: Level; label?: string }) {
  return (
    <svg
      className={classes.progress}
      viewBox="0 0 100 3"
      preserveAspectRatio="none"
      {...(label ? { role: 'progressbar', 'aria-label': label, 'aria-valuenow': Math.round(percent), 'aria-valuemin': 0, 'aria-valuemax': 100 } : { 'aria-hidden': true })}
    >
      <rect className={classes.track} width="100" height="3" />
      <rect className={classes[level]} width={Math.max(0, Math.min(100, percent))} height="3" />
    </svg>
  );
}

interface SparkProps {
  values: readonly number[];
  /** The value at the top edge; the highest one shown when absent. */
  max?: number;
  level?: Level;
  width?: number | '100%';
  height?: number;
}

/** A line of the last values, newest at the right. */
export function Sparkline({ values, max, level = 'normal', width = 44, height = 16 }: SparkProps) {
  if (values.length < 2) return <svg className={classes.spark} width={width} height={height} aria-hidden="true" />;
  const top = max ?? Math.max(...values, 1e-9);
  const step = 100 / (values.length - 1);
  const line = values
    .map((value, index) => `${index === 0 ? 'M' : 'L'}${(index * step).toFixed(1)} ${(height - 1 - (Math.min(value, top) / top) * (height - 2)).toFixed(1)}`)
    .join('');
  return (
    <svg className={classes.spark} data-level={level} width={width} height={height} viewBox={`0 0 100 ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <path className={classes.area} d={`${line}L100 ${height}L0 ${height}Z`} />
      <path d={line} />
    </svg>
  );
}
