/** One log worker for one view: sends it what the reader does, holds its last tick. */
import { useEffect, useMemo, useRef, useState } from 'react';
import type { FromWorker, Tick, ToWorker } from './protocol';

export interface Logs {
  tick: Tick | null;
  send: (message: ToWorker) => void;
  /** Called with the row to scroll to, when a seek was asked for. */
  onScroll: (act: (row: number) => void) => void;
  onExport: (act: (text: string) => void) => void;
}

export function useLogs(url: string, tail: number): Logs {
  const worker = useRef<Worker | null>(null);
  const queue = useRef<ToWorker[]>([]);
  const scrollTo = useRef<(row: number) => void>(() => undefined);
  const exported = useRef<(text: string) => void>(() => undefined);
  const [tick, setTick] = useState<Tick | null>(null);
  useEffect(() => {
    const started = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.current = started;
    started.onmessage = (event: MessageEvent<FromWorker>) => {
      if (event.data.type === 'tick') setTick(event.data);
      else if (event.data.type === 'scroll') scrollTo.current(event.data.row);
      else exported.current(event.data.text);
    };
    for (const message of queue.current) started.postMessage(message);
    started.postMessage({ type: 'open', url, tail } satisfies ToWorker);
    return () => {
      started.postMessage({ type: 'close' } satisfies ToWorker);
      started.terminate();
      worker.current = null;
    };
  }, [url, tail]);
  return useMemo(
    () => ({
      tick,
      send: (message) => {
        // What the view says before the worker is there (its size, its filter) is told again to a new worker.
        if (message.type === 'view' || message.type === 'filter' || message.type === 'wrap') queue.current = [...queue.current.filter((old) => old.type !== message.type), message];
        worker.current?.postMessage(message);
      },
      onScroll: (act) => {
        scrollTo.current = act;
      },
      onExport: (act) => {
        exported.current = act;
      },
    }),
    [tick],
  );
}
