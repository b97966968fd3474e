/** A container on a phone: name and the state that matters, then host and image. When health is bad, health is shown. */
import { ActionIcon, Menu } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Ellipsis, ScrollText, SquareTerminal } from 'lucide-react';
import type { Container } from '@/lib/api/types';
import { shortId } from '@/lib/format';
import { useNow } from '@/lib/now';
import { containerLook, healthLook } from '@/lib/state';
import { common, containers as words } from '@/messages';
import { StatePill } from '@/ui/StatePill';
import { ActionItems } from './ActionItems';
import type { ActionName } from './actions';
import { ImageName } from './cells';
import classes from './PhoneRow.module.css';
import { MenuItemLink } from '@/ui/links';

export function PhoneRow({ container, ask }: { container: Container; ask: (action: ActionName, targets: readonly Container[]) => void }) {
  const now = useNow();
  const health = healthLook(container);
  const look = health?.tone === 'bad' && !container.pending && !container.stale ? health : containerLook(container, now);
  const params = { host: container.host.id, id: shortId(container.id) };
  return (
    <div className={classes.row}>
      <Link to="/containers/$host/$id/logs" params={params} className={classes.link}>
        <span className={classes.name}>{container.name}</span>
        <StatePill look={look} className={classes.state} />
        <span className={classes.second}>
          <span className="nowrap">{container.host.name}</span> <ImageName image={container.image} />
        </span>
      </Link>
      <Menu>
        <Menu.Target>
          <ActionIcon aria-label={common.moreActions(container.name)}>
            <Ellipsis aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <MenuItemLink to="/containers/$host/$id/logs" params={params} leftSection={<ScrollText aria-hidden />}>
            {words.action.logs}
          </MenuItemLink>
          <MenuItemLink to="/containers/$host/$id/terminal" params={params} leftSection={<SquareTerminal aria-hidden />}>
            {words.action.terminal}
          </MenuItemLink>
          <ActionItems container={container} ask={ask} />
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}
