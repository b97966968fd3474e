/** One uPlot chart in our colours; charts of one page share a crosshair. */
import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef, type ReactNode } from 'react';
import uPlot, { type AlignedData, type Options } from 'uplot';
import { dark, light } from '@/theme/tokens';
import classes from './Chart.module.css';

export interface Line {
  label: string;
  values: readonly (number | null)[];
  format: (value: number) => string;
}

const clock = (at: number, seconds: boolean) => new Date(at * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}) });

const SHORTEST_SPAN_S = 30;

/** The span asked for, but no longer than what has been seen: the first readings fill the chart instead of its last pixel. */
export function shownSpan(asked: number, seen: number): number {
  return Math.min(asked, Math.max(SHORTEST_SPAN_S, Math.ceil(seen)));
}

/** Times under the axis, without those that would be cut off at an edge; seconds only where minutes would repeat. */
export function tickLabels(splits: readonly number[], min: number, max: number): string[] {
  const margin = (max - min) * 0.09;
  const seconds = splits.some((at) => at % 60 !== 0);
  return splits.map((at) => (at < min + margin || at > max - margin ? '' : clock(at, seconds)));
}

interface Props {
  title: string;
  now: ReactNode;
  of?: string | undefined;
  time: readonly number[];
  lines: readonly [Line] | readonly [Line, Line];
  /** A dotted line at this value, and the upper end of the scale. */
  limit?: number | undefined;
  /** At least this much of the scale is shown, so that a quiet line looks quiet. */
  atLeast: number;
  sync: string;
  height: number;
  /** Seconds shown. */
  span: number;
}

export function Chart({ title, now, of, time, lines, limit, atLeast, sync, height, span }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const legend = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  const latest = useRef({ lines, limit, atLeast, span });
  useEffect(() => {
    latest.current = { lines, limit, atLeast, span };
  });
  const two = lines.length === 2;

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const colours = scheme === 'dark' ? dark : light;
    const say = (index: number | null | undefined) => {
      if (!legend.current) return;
      const { lines: shown } = latest.current;
      const data = plot.current?.data;
      const at = index ?? (data ? data[0].length - 1 : -1);
      const when = data?.[0][at];
      legend.current.textContent = '';
      if (when === undefined) return;
      const add = (text: string, key: number | null) => {
        const part = document.createElement('span');
        if (key !== null) part.dataset['line'] = String(key);
        part.textContent = text;
        legend.current?.append(part);
      };
      add(new Date(when * 1000).toLocaleTimeString('en-GB'), null);
      shown.forEach((line, key) => {
        const value = data?.[key + 1]?.[at];
        add(`${line.label} ${value === null || value === undefined ? '–' : line.format(value)}`.trim(), key);
      });
    };
    const options: Options = {
      width: element.clientWidth,
      height,
      padding: [6, 0, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: sync }, y: false, points: { size: 6, fill: colours.surface, stroke: colours['chart-1'], width: 1.5 }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: (_plot, min, max) => [max - shownSpan(latest.current.span, max - min), max] },
        y: { range: (_plot, _min, max) => [0, Math.max(latest.current.atLeast, (latest.current.limit ?? 0) * 1.04, max * 1.1)] },
      },
      axes: [
        { stroke: colours['text-3'], font: '11px "Inter Variable", sans-serif', size: 20, gap: 4, grid: { show: false }, ticks: { show: false }, space: 56, values: (self, splits) => tickLabels(splits, self.scales['x']?.min ?? 0, self.scales['x']?.max ?? 0) },
        { show: false, grid: { stroke: colours['chart-grid'], width: 1 }, size: 0, splits: (_plot, _axis, _min, max) => [max / 3, (2 * max) / 3] },
      ],
      series: [
        {},
        { stroke: colours['chart-1'], width: 1.4, fill: colours['chart-1-area'], points: { show: false }, spanGaps: false },
        ...(two ? [{ stroke: colours['chart-2'], width: 1.2, dash: [3, 2], points: { show: false } }] : []),
      ],
      hooks: {
        setCursor: [(self) => say(self.cursor.idx)],
        setData: [(self) => say(self.cursor.idx)],
        drawClear: [
          (self) => {
            const at = latest.current.limit;
            if (at === undefined) return;
            const y = Math.round(self.valToPos(at, 'y', true));
            const { ctx, bbox } = self;
            ctx.save();
            ctx.strokeStyle = colours.bad;
            ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
            ctx.lineWidth = devicePixelRatio;
            ctx.beginPath();
            ctx.moveTo(bbox.left, y);
            ctx.lineTo(bbox.left + bbox.width, y);
            ctx.stroke();
            ctx.restore();
          },
        ],
      },
    };
    const made = new uPlot(options, [[], [], ...(two ? [[]] : [])] as AlignedData, element);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [scheme, height, sync, two]);

  useEffect(() => {
    plot.current?.setData([time, ...lines.map((line) => line.values)] as unknown as AlignedData);
  }, [time, lines, scheme, height, span]);

  return (
    <figure className={classes.chart}>
      <figcaption>
        <span className={classes.title}>{title}</span>
        <span className={classes.value}>
          {now} {of && <span className={classes.of}>{of}</span>}
        </span>
      </figcaption>
      <div ref={box} className={classes.plot} />
      <div ref={legend} className={classes.legend} aria-hidden="true" />
    </figure>
  );
}
