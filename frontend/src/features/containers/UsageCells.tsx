import type { Container, Host } from '@/lib/api/types';
import { formatBytes, formatPercent } from '@/lib/format';
import { CPU_WARN_PERCENT, MEMORY_BAD_PERCENT, MEMORY_WARN_PERCENT } from '@/lib/state';
import { common } from '@/messages';
import { levelOf, Meter, Sparkline } from '@/ui/Meter';
import { useLiveUsage } from './useLiveUsage';
import classes from './UsageCells.module.css';

const quiet = (container: Container) => <span className="muted">{container.stale ? common.notKnown : common.none}</span>;

export function CpuCell({ container, host }: { container: Container; host: Host | undefined }) {
  const usage = useLiveUsage(container);
  if (usage?.cpuPercent === null || usage?.cpuPercent === undefined) return quiet(container);
  const ofHost = usage.cpuPercent / (host?.cpus ?? 1);
  const level = levelOf(ofHost, CPU_WARN_PERCENT);
  return (
    <span className={classes.cell}>
      <Sparkline values={usage.history} level={level} />
      <span className={level === 'normal' ? classes.cpu : `${classes.cpu ?? ''} warn`}>{formatPercent(usage.cpuPercent)}</span>
    </span>
  );
}

export function MemoryCell({ container, host }: { container: Container; host: Host | undefined }) {
  const usage = useLiveUsage(container);
  if (usage?.memoryBytes === null || usage?.memoryBytes === undefined) return quiet(container);
  // Without a limit of its own Docker reports the machine's memory; a container is then judged by no limit.
  const limit = usage.limitBytes ?? 0;
  const own = limit > 0 && limit < (host?.memory_bytes ?? Infinity) * 0.98;
  const share = limit > 0 ? (usage.memoryBytes / limit) * 100 : 0;
  const level = own ? levelOf(share, MEMORY_WARN_PERCENT, MEMORY_BAD_PERCENT) : 'normal';
  return (
    <span className={classes.cell}>
      <Meter percent={share} level={level} width={36} />
      <span className={`${classes.memory ?? ''} ${level === 'normal' ? '' : level}`}>{formatBytes(usage.memoryBytes)}</span>
    </span>
  );
}
