import { hosts as words } from '@/messages';
import classes from './LinkBars.module.css';
import type { BarState } from './linkHistory';

export function LinkBars({ bars, label = words.historyLabel }: { bars: readonly BarState[]; label?: string }) {
  return (
    <svg className={classes.bars} viewBox={`0 0 ${bars.length * 3} 14`} preserveAspectRatio="none" role="img" aria-label={label}>
      {bars.map((state, index) => (
        <rect key={index} className={classes[state]} x={index * 3} width="2" y={state === 'break' ? 0 : state === 'before' ? 6 : state === 'unknown' ? 4 : 3} height={state === 'break' ? 14 : state === 'before' ? 2 : state === 'unknown' ? 6 : 8} />
      ))}
    </svg>
  );
}
