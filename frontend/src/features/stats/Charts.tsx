/** The charts of one container: four small ones on the overview, large ones on the Stats tab. */
import { useMemo, useState } from 'react';
import type { ContainerDetail } from '@/lib/api/types';
import { formatBytes, formatPercent, formatRate } from '@/lib/format';
import { container as words, state as stateWords } from '@/messages';
import { LinkGlyph } from '@/ui/Mark';
import { Seg } from '@/ui/Seg';
import { Chart, type Line } from './Chart';
import classes from './Chart.module.css';
import { useStats } from './store';

const SPANS = { '60': '1 min', '300': '5 min', '900': '15 min', '3600': '1 h' } as const;
type Span = keyof typeof SPANS;
const MIB = 1024 ** 2;

export function Charts({ container, large = false }: { container: ContainerDetail; large?: boolean }) {
  const running = (container.state === 'running' || container.state === 'paused') && !container.stale;
  const series = useStats(container.host.id, container.id, running);
  const [span, setSpan] = useState<Span>('300');
  const host = container.inspect?.HostConfig;
  const cores = host?.NanoCpus ? host.NanoCpus / 1e9 : undefined;
  const memoryLimit = host?.Memory && host.Memory > 0 ? host.Memory : undefined;
  const { last } = series;
  const lines = useMemo(() => {
    const line = (label: string, values: readonly (number | null)[], format: (value: number) => string): Line => ({ label, values, format });
    return {
      cpu: [line('', series.cpu, formatPercent)] as const,
      memory: [line('', series.memory, formatBytes)] as const,
      network: [line(words.chart.in, series.rx, formatRate), line(words.chart.out, series.tx, formatRate)] as const,
      disk: [line(words.chart.write, series.write, formatRate), line(words.chart.read, series.read, formatRate)] as const,
      pids: [line('', series.pids, String)] as const,
    };
  }, [series]);
  if (!running) return <p className="muted">{container.stale ? words.notMeasured(container.host.name) : words.notRunning}</p>;
  const at = (values: readonly (number | null)[]) => values[values.length - 1] ?? null;
  const pair = (a: number | null, b: number | null) => (a === null || b === null ? '–' : `${formatRate(a)} / ${formatRate(b)}`);
  const shared = { time: series.time, sync: container.id, height: large ? 200 : 112, span: Number(span) };
  return (
    <section aria-label={words.live}>
      <div className={classes.live}>
        <h2>{words.live}</h2>
        <LinkGlyph up={series.live} label={series.live ? stateWords.linked : stateWords.linkLost} />
        <span className="desk">{words.everySecond}</span>
        <span className={classes.seg}>
          <Seg label={words.live} value={span} onChange={setSpan} options={(Object.keys(SPANS) as Span[]).map((value) => ({ value, label: SPANS[value] }))} />
        </span>
      </div>
      <div className={large ? classes.grid2 : classes.grid4}>
        <Chart {...shared} title={words.chart.cpu} now={last ? formatPercent(last.cpu_percent) : '–'} of={cores ? words.chart.ofCores(cores) : undefined} lines={lines.cpu} atLeast={10} limit={cores ? cores * 100 : undefined} />
        <Chart {...shared} title={words.chart.memory} now={last ? formatBytes(last.memory_bytes) : '–'} of={memoryLimit ? words.chart.ofBytes(formatBytes(memoryLimit)) : undefined} lines={lines.memory} atLeast={16 * MIB} limit={memoryLimit} />
        <Chart {...shared} title={words.chart.network} now={pair(at(series.rx), at(series.tx))} lines={lines.network} atLeast={10_000} />
        <Chart {...shared} title={words.chart.disk} now={pair(at(series.write), at(series.read))} lines={lines.disk} atLeast={10_000} />
        {large && <Chart {...shared} title={words.chart.pids} now={last ? String(last.pids) : '–'} lines={lines.pids} atLeast={10} limit={host?.PidsLimit && host.PidsLimit > 0 && host.PidsLimit < 4 * (last?.pids ?? 1) ? host.PidsLimit : undefined} />}
      </div>
    </section>
  );
}
