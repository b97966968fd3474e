/** A tab that needs a running container of a host that answers: why it is empty, and the way out if there is one. */
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useAct, whyNot } from '@/features/containers/actions';
import type { Container } from '@/lib/api/types';
import { container as words } from '@/messages';
import { Empty } from '@/ui/Empty';
import { ButtonLink } from '@/ui/links';

export function NotRunning({ container, icon, text }: { container: Container; icon: ReactNode; text: string }) {
  const act = useAct();
  if (container.stale) {
    return (
      <Empty
        icon={icon}
        title={words.silentTitle(container.host.name)}
        actions={
          <ButtonLink to="/hosts" search={{ open: container.host.id }}>
            {words.linkHistory}
          </ButtonLink>
        }
      >
        <p>{words.silentText}</p>
      </Empty>
    );
  }
  const start = container.state === 'paused' ? 'unpause' : 'start';
  return (
    <Empty
      icon={icon}
      title={container.state === 'paused' ? words.pausedTitle : words.notRunningTitle}
      actions={
        whyNot(start, container) === null && (
          <Button variant="filled" onClick={() => void act(start, [container])}>
            {words.startFirst[start]}
          </Button>
        )
      }
    >
      <p>{text}</p>
    </Empty>
  );
}
