import { Button, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { patch, sayRefused } from '@/lib/api/client';
import type { Host } from '@/lib/api/types';
import { parsePairs } from '@/lib/pairs';
import { common, hosts as words } from '@/messages';
import { Dialog } from '@/ui/Dialog';
import classes from '@/ui/Confirm.module.css';
import { showToast } from '@/ui/toasts';

export function EditHostDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState(host.name);
  const [labels, setLabels] = useState(
    Object.entries(host.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join('\n'),
  );
  const save = useMutation({
    mutationFn: () => patch<Host>(`/hosts/${host.id}`, { name, labels: parsePairs(labels) }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['hosts'] });
      showToast({ tone: 'ok', title: words.saved(name) });
      onClose();
    },
  });
  return (
    <Dialog onClose={onClose} title={words.renameTitle(host.name)}>
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <TextInput label={words.name} value={name} onChange={(event) => setName(event.currentTarget.value)} spellCheck={false} data-autofocus />
        <Textarea label={words.labels} description={words.labelsHint} rows={4} value={labels} onChange={(event) => setLabels(event.currentTarget.value)} spellCheck={false} className="mono" />
        {save.error && (
          <p className="bad" role="alert">
            {sayRefused(save.error)}
          </p>
        )}
        <div className={classes.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={name === '' || save.isPending}>
            {words.save}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
