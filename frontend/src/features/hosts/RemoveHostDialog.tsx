import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Box, KeyRound } from 'lucide-react';
import { del, sayRefused } from '@/lib/api/client';
import type { Host } from '@/lib/api/types';
import { hosts as words } from '@/messages';
import { Confirm } from '@/ui/Confirm';
import { showToast } from '@/ui/toasts';

export function RemoveHostDialog({ host, onClose }: { host: Host; onClose: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => del(`/hosts/${host.id}`),
    onSuccess: () => {
      void client.invalidateQueries();
      showToast({ tone: 'ok', title: words.removed(host.name) });
      onClose();
    },
  });
  return (
    <Confirm
      title={words.removeTitle(host.name)}
      text={words.removeText}
      lost={[
        { key: 'credential', icon: <KeyRound aria-hidden />, text: words.removeCredential, right: words.removeCredentialText },
        ...(host.containers_total > 0 ? [{ key: 'containers', icon: <Box aria-hidden />, text: words.removeLost(host.containers_total), right: words.removeRuns }] : []),
      ]}
      typed={host.name}
      button={words.removeButton}
      busy={remove.isPending}
      refused={remove.error ? sayRefused(remove.error) : null}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    />
  );
}
