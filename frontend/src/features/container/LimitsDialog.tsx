/** Change memory, CPU and process limits of a running container, without a restart. */
import { Button, Modal, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Act } from '@/features/containers/actions';
import type { ContainerDetail } from '@/lib/api/types';
import { common, container as detailWords, containers as words, run } from '@/messages';
import classes from '@/ui/Confirm.module.css';

const MIB = 1024 ** 2;
const text = (value: number | null | undefined, unit: number): string => (value && value > 0 ? String(value / unit) : '');

/** A positive number, null for empty, NaN for anything else. */
function numberOf(value: string): number | null {
  if (value.trim() === '') return null;
  const number = Number(value);
  return number > 0 ? number : Number.NaN;
}

export function LimitsDialog({ container, act, onClose }: { container: ContainerDetail; act: Act; onClose: () => void }) {
  const host = container.inspect?.HostConfig;
  const [memory, setMemory] = useState(text(host?.Memory, MIB));
  const [cpus, setCpus] = useState(text(host?.NanoCpus, 1e9));
  const [pids, setPids] = useState(text(host?.PidsLimit, 1));
  const values = [numberOf(memory), numberOf(cpus), numberOf(pids)];
  const bad = values.some((value) => Number.isNaN(value));
  return (
    <Modal opened onClose={onClose} title={words.limitsTitle(container.name)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
          const [mib, cores, processes] = values;
          void act('update', [container], { memory_bytes: Math.round((mib ?? 0) * MIB), nano_cpus: Math.round((cores ?? 0) * 1e9), pids_limit: processes ?? 0 });
        }}
      >
        <p className="second">{words.limitsText}</p>
        <div style={{ display: 'grid', gridTemplateColumns: 'repeat(3, minmax(0, 1fr))', gap: 12, marginTop: 12 }}>
          <TextInput label={`${run.memory} (${run.mib})`} inputMode="decimal" value={memory} onChange={(event) => setMemory(event.currentTarget.value)} placeholder={detailWords.field.noLimit} data-autofocus />
          <TextInput label={run.cpus} inputMode="decimal" value={cpus} onChange={(event) => setCpus(event.currentTarget.value)} placeholder={detailWords.field.noLimit} />
          <TextInput label={detailWords.field.pids} inputMode="numeric" value={pids} onChange={(event) => setPids(event.currentTarget.value)} placeholder={detailWords.field.noLimit} />
        </div>
        <div className={classes.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={bad}>
            {words.limitsButton}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
