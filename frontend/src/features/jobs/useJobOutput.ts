/** The output of a job as it comes: the lines so far by HTTP, then the socket; by HTTP again while the socket is away. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { get } from '@/lib/api/client';
import type { JobOutput, OutputLine } from '@/lib/api/types';
import { socketUrl } from '@/lib/live/socket';

const POLL_MS = 3000;

interface Frame {
  lines?: OutputLine[];
  line?: OutputLine;
  n?: number;
  text?: string;
  at?: string;
  stream?: string;
  state?: string;
  done?: boolean;
}

/** Adds lines that are not there yet, by number; they may come twice (socket and HTTP) or out of order. */
export function mergeLines(old: readonly OutputLine[], more: readonly OutputLine[]): OutputLine[] {
  const byNumber = new Map(old.map((line) => [line.n, line]));
  for (const line of more) byNumber.set(line.n, line);
  return [...byNumber.values()].sort((a, b) => a.n - b.n);
}

function linesOf(frame: Frame): OutputLine[] {
  if (frame.lines) return frame.lines;
  if (frame.line) return [frame.line];
  if (typeof frame.n === 'number' && typeof frame.text === 'string') return [{ n: frame.n, text: frame.text, at: frame.at ?? '', stream: frame.stream ?? 'stdout' }];
  return [];
}

export function useJobOutput(id: string): { lines: readonly OutputLine[]; done: boolean; live: boolean } {
  const client = useQueryClient();
  const [state, setState] = useState<{ lines: readonly OutputLine[]; done: boolean; live: boolean }>({ lines: [], done: false, live: false });
  useEffect(() => {
    let stopped = false;
    let last = 0;
    let poll: ReturnType<typeof setTimeout> | undefined;
    const add = (more: readonly OutputLine[], change: { done?: boolean; live?: boolean } = {}) => {
      if (stopped) return;
      last = Math.max(last, ...more.map((line) => line.n));
      setState((old) => ({ lines: more.length > 0 ? mergeLines(old.lines, more) : old.lines, done: change.done ?? old.done, live: change.live ?? old.live }));
    };
    const read = async () => {
      try {
        const output = await get<JobOutput>(`/jobs/${id}/output`, { after: last });
        add(output.lines, { done: output.done });
        if (output.done) socket.close(1000);
        return output.done;
      } catch {
        return false;
      }
    };
    const pollUntilDone = () => {
      poll = setTimeout(() => {
        void read().then((done) => {
          if (!done && !stopped) pollUntilDone();
        });
      }, POLL_MS);
    };
    const socket = new WebSocket(socketUrl(`/ws/jobs/${id}`));
    socket.onopen = () => {
      add([], { live: true });
      // What was written before the socket was there.
      void read();
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      let frame: Frame;
      try {
        frame = JSON.parse(event.data) as Frame;
      } catch {
        return;
      }
      add(linesOf(frame), frame.done ? { done: true } : {});
      if (frame.state) {
        void client.invalidateQueries({ queryKey: ['jobs'] });
        if (frame.state === 'succeeded' || frame.state === 'failed' || frame.state === 'cancelled') void read();
      }
    };
    socket.onclose = () => {
      add([], { live: false });
      if (!stopped) {
        void read().then((done) => {
          if (!done && !stopped) pollUntilDone();
        });
      }
    };
    return () => {
      stopped = true;
      clearTimeout(poll);
      socket.close(1000);
    };
  }, [id, client]);
  return state;
}
