/** The frame of one container: who it is, how it is, what can be done, and the tabs. */
import { ActionIcon, Button, Menu } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useParams } from '@tanstack/react-router';
import { ChevronLeft, ChevronRight, Ellipsis, Globe, Layers, Package, Pencil, Server, SlidersHorizontal } from 'lucide-react';
import { useState } from 'react';
import { RunningJobs, useTitle } from '@/app/Page';
import { ActionDialog, askOrAct, type Asked } from '@/features/containers/ActionDialog';
import { actionIcons, ActionItems } from '@/features/containers/ActionItems';
import { useAct, whyNot, type ActionName } from '@/features/containers/actions';
import { ImageName, Ports, projectOf, publishedPorts } from '@/features/containers/cells';
import { ApiError } from '@/lib/api/client';
import { containerQuery, hostsQuery } from '@/lib/api/queries';
import type { Container, ContainerDetail } from '@/lib/api/types';
import { formatTime, shortId } from '@/lib/format';
import { useHotkeys } from '@/lib/hotkeys';
import { useNow } from '@/lib/now';
import { containerLook, healthLook } from '@/lib/state';
import { usePhone } from '@/lib/useMedia';
import { common, container as words, containers as listWords } from '@/messages';
import { CopyButton } from '@/ui/CopyButton';
import { Empty } from '@/ui/Empty';
import { Glyph } from '@/ui/Glyph';
import { ActionIconLink, ButtonLink } from '@/ui/links';
import { QueryProblem } from '@/ui/Problem';
import { StatePill } from '@/ui/StatePill';
import classes from './ContainerPage.module.css';
import { LimitsDialog } from './LimitsDialog';
import { RenameDialog } from './RenameDialog';

export function ContainerPage() {
  const { host, id } = useParams({ from: '/shell/containers/$host/$id' });
  const { data, error, refetch } = useQuery(containerQuery(host, id));
  if (data) return <Loaded container={data} />;
  if (error instanceof ApiError && error.status === 404) {
    return (
      <main id="content">
        <Empty
          asPage
          art="slack"
          title={words.missingTitle}
          actions={
            <ButtonLink variant="filled" to="/containers">
              {words.toList}
            </ButtonLink>
          }
        >
          <p>{words.missingText}</p>
          <p>
            <code>{id}</code>
          </p>
        </Empty>
      </main>
    );
  }
  return (
    <main id="content" className={classes.pad}>
      {error && <QueryProblem error={error} onRetry={() => void refetch()} />}
    </main>
  );
}

const tabs = [
  { to: '/containers/$host/$id', label: words.tabs.overview, exact: true },
  { to: '/containers/$host/$id/logs', label: words.tabs.logs, exact: false },
  { to: '/containers/$host/$id/terminal', label: words.tabs.terminal, exact: false },
  { to: '/containers/$host/$id/stats', label: words.tabs.stats, exact: false },
  { to: '/containers/$host/$id/inspect', label: words.tabs.inspect, exact: false },
] as const;

function Loaded({ container }: { container: ContainerDetail }) {
  useTitle(container.name);
  const now = useNow();
  const phone = usePhone();
  const navigate = useNavigate();
  const params = useParams({ from: '/shell/containers/$host/$id' });
  const { data: hosts } = useQuery(hostsQuery);
  const act = useAct();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [dialog, setDialog] = useState<'rename' | 'limits' | null>(null);
  const ask = (action: ActionName, targets: readonly Container[] = [container]) => setAsked(askOrAct(act, action, targets));
  const tryKey = (action: ActionName) => () => {
    if (whyNot(action, container) === null) ask(action);
  };
  useHotkeys({
    r: tryKey('restart'),
    s: tryKey('stop'),
    l: () => void navigate({ to: '/containers/$host/$id/logs', params }),
    t: () => void navigate({ to: '/containers/$host/$id/terminal', params }),
  });
  const look = containerLook(container, now);
  const health = healthLook(container);
  const host = hosts?.rows.find((each) => each.id === container.host.id);
  const both: ActionName[] = container.state === 'running' || container.state === 'restarting' ? ['restart', 'stop'] : container.state === 'paused' ? ['unpause', 'stop'] : ['start', 'remove'];
  const primary = phone ? both.slice(0, 1) : both;
  const silentSince = host?.last_seen_at ?? container.as_of;

  return (
    <main className={classes.page} id="content" tabIndex={-1}>
      <header className={classes.head}>
        <div className={classes.top}>
          <ActionIconLink className="phone-only" to="/containers" aria-label={common.back}>
            <ChevronLeft aria-hidden />
          </ActionIconLink>
          <nav className={`${classes.crumb ?? ''} desk`} aria-label="Breadcrumb">
            <Link to="/containers">{listWords.title}</Link>
            <ChevronRight aria-hidden />
          </nav>
          <h1 className="ellipsis" title={container.name}>
            {container.name}
          </h1>
          <StatePill look={look} always className={health?.tone === 'bad' ? 'desk' : undefined} />
          {health && !container.stale && <StatePill look={health} always className={health.tone === 'bad' ? undefined : 'desk'} />}
          <div className={classes.right}>
            <span className="desk">
              <RunningJobs />
            </span>
            {primary.map((action) => {
              const Icon = actionIcons[action];
              const reason = whyNot(action, container);
              return (
                <span key={action} className={classes.primary}>
                  <Button className="desk" leftSection={<Icon aria-hidden />} disabled={reason !== null} title={reason ?? undefined} data-danger={action === 'remove' || undefined} onClick={() => ask(action)}>
                    {listWords.action[action]}
                    {action === 'remove' && '…'} {(action === 'restart' || action === 'stop') && <kbd>{action === 'stop' ? 'S' : 'R'}</kbd>}
                  </Button>
                  <ActionIcon className="phone-only" disabled={reason !== null} aria-label={listWords.action[action]} onClick={() => ask(action)}>
                    <Icon aria-hidden />
                  </ActionIcon>
                </span>
              );
            })}
            <Menu>
              <Menu.Target>
                <ActionIcon variant={phone ? 'subtle' : 'default'} aria-label={common.moreActions(container.name)}>
                  <Ellipsis aria-hidden />
                </ActionIcon>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item leftSection={<Pencil aria-hidden />} disabled={container.stale} onClick={() => setDialog('rename')}>
                  {listWords.action.rename}
                </Menu.Item>
                <Menu.Item leftSection={<SlidersHorizontal aria-hidden />} disabled={container.stale || container.inspect === null} onClick={() => setDialog('limits')}>
                  {listWords.action.limits}
                </Menu.Item>
                <Menu.Divider />
                <ActionItems container={container} ask={ask} without={primary} />
              </Menu.Dropdown>
            </Menu>
          </div>
        </div>
        <div className={classes.meta}>
          <Link to="/hosts" search={{ open: container.host.id }}>
            <Server aria-hidden />
            {container.host.name}
          </Link>
          <span>
            <Package aria-hidden />
            <ImageName image={container.image} />
          </span>
          {projectOf(container) && (
            <Link to="/containers" search={{ q: `project:${projectOf(container)}` }} className="desk">
              <Layers aria-hidden />
              {projectOf(container)}
            </Link>
          )}
          {publishedPorts(container).length > 0 && (
            <span className="desk">
              <Globe aria-hidden />
              <Ports container={container} shown={3} />
            </span>
          )}
          <span className="desk">
            <code>{shortId(container.id)}</code> <CopyButton text={container.id} label={words.copyId} icon />
          </span>
          {container.restart_count > 0 && <span className="muted desk">{words.restarts(container.restart_count)}</span>}
        </div>
        <nav className={classes.tabs} aria-label={words.tabsLabel}>
          {tabs.map((tab) => (
            <Link key={tab.to} to={tab.to} params={params} activeOptions={{ exact: tab.exact, includeSearch: false }} activeProps={{ 'aria-current': 'page' }}>
              {tab.label}
            </Link>
          ))}
        </nav>
      </header>
      {container.stale && (
        <div className={classes.silent}>
          <Glyph name="unknown" tone="warn" />
          <span className="grow">{words.hostSilent(container.host.name, silentSince ? formatTime(silentSince, now) : common.none)}</span>
          <Link className="link" to="/hosts" search={{ open: container.host.id }}>
            {words.linkHistory}
          </Link>
        </div>
      )}
      <Outlet />
      {asked && (
        <ActionDialog
          asked={asked}
          act={act}
          onClose={() => setAsked(null)}
          onDone={(action) => {
            if (action === 'remove') void navigate({ to: '/containers' });
          }}
        />
      )}
      {dialog === 'rename' && <RenameDialog container={container} act={act} onClose={() => setDialog(null)} />}
      {dialog === 'limits' && <LimitsDialog container={container} act={act} onClose={() => setDialog(null)} />}
    </main>
  );
}
