/** Lines over time: errors and warnings at the foot of each bar. A click goes to that time. */
import { formatDuration } from '@/lib/format';
import { logs as words } from '@/messages';
import type { Volume } from './protocol';
import classes from './VolumeBars.module.css';

const HEIGHT = 34;
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });

export function VolumeBars({ volume, onSeek }: { volume: Volume; onSeek: (at: number) => void }) {
  const most = Math.max(1, ...volume.bars.map((bar) => bar.total));
  const step = (volume.to - volume.from) / volume.bars.length;
  const label = words.volume(volume.lines, formatDuration((volume.to - volume.from) / 1000));
  return (
    <div className={classes.volume}>
      {/* The keyboard's way to a time is search and the arrow keys in the log; the bars are a picture that can be clicked. */}
      { }
      <svg
        viewBox={`0 0 ${volume.bars.length * 10} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
        onClick={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          onSeek(volume.from + ((event.clientX - box.left) / box.width) * (volume.to - volume.from));
        }}
      >
        {volume.bars.map((bar, index) => {
          if (bar.total === 0) return null;
          const scale = (count: number) => (count === 0 ? 0 : Math.max(1.5, (count / most) * (HEIGHT - 2)));
          const total = scale(bar.total);
          const error = Math.min(total, scale(bar.error));
          const warn = Math.min(total - error, scale(bar.warn));
          const x = index * 10 + 1;
          return (
            <g key={volume.from + index * step}>
              <rect className={classes.bar} x={x} y={HEIGHT - total} width="8" height={total} />
              {error > 0 && <rect className={classes.error} x={x} y={HEIGHT - error} width="8" height={error} />}
              {warn > 0 && <rect className={classes.warn} x={x} y={HEIGHT - error - warn} width="8" height={warn} />}
            </g>
          );
        })}
      </svg>
      <div className={classes.axis}>
        <span>{clock.format(volume.from)}</span>
        <span className="desk">{clock.format((volume.from + volume.to) / 2)}</span>
        <span>{clock.format(volume.to)}</span>
      </div>
    </div>
  );
}
