/** The acts on one container as menu items; what is not possible now says why. */
import { Menu } from '@mantine/core';
import { CirclePause, CirclePlay, Play, RotateCw, Square, Trash2, Zap, type LucideIcon } from 'lucide-react';
import type { Container } from '@/lib/api/types';
import { containers as words } from '@/messages';
import { actions, whyNot, type ActionName } from './actions';

export const actionIcons: Record<ActionName, LucideIcon> = { start: Play, stop: Square, restart: RotateCw, kill: Zap, pause: CirclePause, unpause: CirclePlay, remove: Trash2 };

const order: ActionName[] = ['start', 'stop', 'restart', 'pause', 'unpause', 'kill', 'remove'];

interface Props {
  container: Container;
  ask: (action: ActionName, targets: readonly Container[]) => void;
  without?: readonly ActionName[];
}

export function ActionItems({ container, ask, without = [] }: Props) {
  const shown = order.filter((name) => !without.includes(name) && (actions[name].states.includes(container.state) || name === 'remove'));
  return shown.map((name) => {
    const Icon = actionIcons[name];
    const reason = whyNot(name, container);
    return (
      <div key={name} role="presentation">
        {name === 'remove' && <Menu.Divider />}
        <Menu.Item
          leftSection={<Icon aria-hidden />}
          rightSection={actions[name].key === undefined ? undefined : <kbd>{actions[name].key.toUpperCase()}</kbd>}
          data-danger={actions[name].danger || undefined}
          disabled={reason !== null}
          title={reason ?? undefined}
          onClick={() => ask(name, [container])}
        >
          {words.action[name]}
          {actions[name].asks === 'always' && '…'}
        </Menu.Item>
      </div>
    );
  });
}
