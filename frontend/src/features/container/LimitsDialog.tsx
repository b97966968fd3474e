/** Change limits and the restart policy of a container, without a restart. Only what was changed here is sent. */
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Act } from '@/features/containers/actions';
import { hostsQuery } from '@/lib/api/queries';
import type { ContainerDetail } from '@/lib/api/types';
import { common, container as detailWords, containers as words, run } from '@/messages';
import { Dialog } from '@/ui/Dialog';
import classes from '@/ui/Confirm.module.css';
import { limitChanges, type Limits } from './limits';

const MIB = 1024 ** 2;
const text = (value: number | null | undefined, unit: number): string => (value && value > 0 ? String(value / unit) : '');

export function LimitsDialog({ container, act, onClose }: { container: ContainerDetail; act: Act; onClose: () => void }) {
  const { data: hosts } = useQuery(hostsQuery);
  const cores = hosts?.rows.find((host) => host.id === container.host.id)?.cpus ?? null;
  const config = container.inspect?.HostConfig;
  const before: Limits = {
    memory: text(config?.Memory, MIB),
    cpus: text(config?.NanoCpus, 1e9),
    pids: text(config?.PidsLimit, 1),
    restart: config?.RestartPolicy?.Name || 'no',
    retries: text(config?.RestartPolicy?.MaximumRetryCount, 1),
  };
  // What the limits were when this opened: an answer that arrives meanwhile must not turn into a change.
  const [start] = useState(before);
  const [now, setNow] = useState(before);
  const set = (change: Partial<Limits>) => setNow((old) => ({ ...old, ...change }));
  const { changes, problems } = limitChanges(start, now, cores);
  const wrong = Object.keys(problems).length > 0;
  return (
    <Dialog onClose={onClose} title={words.limitsTitle(container.name)}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (wrong || changes === null) return;
          onClose();
          void act('update', [container], { ...changes });
        }}
      >
        <p className="second">{words.limitsText}</p>
        <div className={classes.three}>
          <TextInput label={`${run.memory} (${run.mib})`} inputMode="decimal" value={now.memory} onChange={(event) => set({ memory: event.currentTarget.value })} error={problems.memory} placeholder={detailWords.field.noLimit} autoComplete="off" data-autofocus />
          <TextInput label={run.cpus} inputMode="decimal" value={now.cpus} onChange={(event) => set({ cpus: event.currentTarget.value })} error={problems.cpus} placeholder={cores === null ? detailWords.field.noLimit : words.limitsAllCores(cores)} autoComplete="off" />
          <TextInput label={detailWords.field.pids} inputMode="numeric" value={now.pids} onChange={(event) => set({ pids: event.currentTarget.value })} error={problems.pids} placeholder={detailWords.field.noLimit} autoComplete="off" />
        </div>
        <div className={classes.three}>
          <NativeSelect className={classes.wide} label={run.restart} value={now.restart} onChange={(event) => set({ restart: event.currentTarget.value })} data={Object.entries(run.restartOptions).map(([value, label]) => ({ value, label }))} />
          {now.restart === 'on-failure' && <TextInput label={words.limitsRetries} inputMode="numeric" value={now.retries} onChange={(event) => set({ retries: event.currentTarget.value })} error={problems.retries} placeholder={detailWords.field.noLimit} autoComplete="off" />}
        </div>
        <div className={classes.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={wrong || changes === null} title={changes === null ? words.limitsNothing : undefined}>
            {words.limitsButton}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
