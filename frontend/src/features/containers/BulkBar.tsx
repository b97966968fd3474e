import { ActionIcon, Button } from '@mantine/core';
import { X } from 'lucide-react';
import type { Container } from '@/lib/api/types';
import { common, containers as words } from '@/messages';
import { actionIcons } from './ActionItems';
import { whyNot, type ActionName } from './actions';
import classes from './BulkBar.module.css';

const bulk: ActionName[] = ['start', 'stop', 'restart', 'remove'];

export function BulkBar({ chosen, ask, onClear }: { chosen: readonly Container[]; ask: (action: ActionName, targets: readonly Container[]) => void; onClear: () => void }) {
  return (
    <div className={classes.bar} role="toolbar" aria-label={words.bulkLabel}>
      <span className={classes.count} role="status">
        {common.selected(chosen.length)}
      </span>
      <span className={classes.rule} />
      {bulk.map((action) => {
        const Icon = actionIcons[action];
        const possible = chosen.filter((target) => whyNot(action, target) === null);
        return (
          <Button key={action} variant="subtle" leftSection={<Icon aria-hidden />} data-danger={action === 'remove' || undefined} disabled={possible.length === 0} onClick={() => ask(action, chosen)}>
            {words.action[action]}
            {action === 'remove' && '…'}
          </Button>
        );
      })}
      <span className={classes.rule} />
      <ActionIcon onClick={onClear} aria-label={words.clearSelection} title={words.clearSelection}>
        <X aria-hidden />
      </ActionIcon>
    </div>
  );
}
