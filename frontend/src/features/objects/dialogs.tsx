/** The two dialogs of a table of objects: make one on a host, and remove one. Both end in a job. */
import { Button, NativeSelect } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { del, post, sayRefused, type ApiPath, type Query } from '@/lib/api/client';
import { hostsQuery } from '@/lib/api/queries';
import type { Job } from '@/lib/api/types';
import { isSilent } from '@/lib/state';
import { common, objects as words } from '@/messages';
import { Dialog } from '@/ui/Dialog';
import { Confirm, type Lost } from '@/ui/Confirm';
import confirm from '@/ui/Confirm.module.css';
import { useJobToast } from '@/features/jobs/outcomes';

interface CreateProps {
  title: string;
  text?: string;
  button: string;
  /** False until what the fields ask for is there. */
  ready: boolean;
  path: ApiPath;
  body: (host: string) => Record<string, unknown>;
  /** Said when the job is taken on. */
  started: (host: string) => string;
  onClose: () => void;
  children: ReactNode;
}

export function CreateObject({ title, text, button, ready, path, body, started, onClose, children }: CreateProps) {
  const say = useJobToast();
  const { data: hosts } = useQuery(hostsQuery);
  const usable = hosts?.rows.filter((host) => !isSilent(host) && host.state !== 'pending') ?? [];
  const [chosen, setChosen] = useState('');
  const host = usable.find((each) => each.id === chosen) ?? usable[0];
  const create = useMutation({
    mutationFn: (on: { id: string; name: string }) => post<Job>(path, body(on.id)),
    onSuccess: (job, on) => {
      say(started(on.name), job);
      onClose();
    },
  });
  return (
    <Dialog onClose={onClose} title={title}>
      <form
        className={confirm.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (host && ready && !create.isPending) create.mutate(host);
        }}
      >
        {text && <p className="second">{text}</p>}
        {children}
        <NativeSelect label={words.column.host} value={host?.id ?? ''} onChange={(event) => setChosen(event.currentTarget.value)} data={usable.map((each) => ({ value: each.id, label: each.name }))} error={hosts && usable.length === 0 ? words.noHost : null} />
        {create.error && (
          <p className="bad" role="alert">
            {sayRefused(create.error)}
          </p>
        )}
        <div className={confirm.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={!ready || !host || create.isPending}>
            {button}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface RemoveProps {
  title: string;
  text: string;
  lost: readonly Lost[];
  /** The name to be typed, where data goes for good. */
  typed?: string;
  button: string;
  path: ApiPath;
  query?: Query;
  started: string;
  onClose: () => void;
  children?: ReactNode;
}

export function RemoveObject({ path, query, started, onClose, children, ...question }: RemoveProps) {
  const say = useJobToast();
  const remove = useMutation({
    mutationFn: () => del<Job | null>(path, query),
    onSuccess: (job) => {
      say(started, job);
      onClose();
    },
  });
  return (
    <Confirm {...question} busy={remove.isPending} refused={remove.error ? sayRefused(remove.error) : null} onConfirm={() => remove.mutate()} onClose={onClose}>
      {children}
    </Confirm>
  );
}
