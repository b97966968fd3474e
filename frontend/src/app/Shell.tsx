/** The frame around every signed-in page: rail, content, status line; tabs at the bottom on a phone. */
import { ActionIcon, Menu, useMantineColorScheme, useComputedColorScheme } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { Box, Gauge, HardDrive, KeyRound, ListChecks, LogOut, Menu as MenuIcon, Network, Package, ScrollText, Search, Server, Settings, SunMoon, type LucideIcon } from 'lucide-react';
import { useEffect, useState } from 'react';
import { del } from '@/lib/api/client';
import { hostsQuery, overviewQuery, sessionQuery } from '@/lib/api/queries';
import { useHotkeys } from '@/lib/hotkeys';
import { startEvents } from '@/lib/live/events';
import { useJobOutcomes } from '@/features/jobs/outcomes';
import { recordLoad } from '@/features/overview/loadHistory';
import { useNow } from '@/lib/now';
import { isSilent } from '@/lib/state';
import { usePhone } from '@/lib/useMedia';
import { common, shell } from '@/messages';
import { Glyph } from '@/ui/Glyph';
import { Mark } from '@/ui/Mark';
import { Toaster } from '@/ui/Toaster';
import { cx } from '@/ui/cx';
import { KeysDialog } from './KeysDialog';
import { LostBanner } from './LostBanner';
import { Palette } from './Palette';
import classes from './Shell.module.css';
import { StatusLine } from './StatusLine';
import { useFailedJobs } from './useRunningJobs';
import { MenuItemLink } from '@/ui/links';

export function useSignOut(): () => Promise<void> {
  const client = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    await del('/session');
    client.clear();
    await navigate({ to: '/login' });
  };
}

export function useToggleScheme(): () => void {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  return () => setColorScheme(scheme === 'dark' ? 'light' : 'dark');
}

export function Shell() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const phone = usePhone();
  const [palette, setPalette] = useState(false);
  const [keys, setKeys] = useState(false);
  const { data: hosts } = useQuery(hostsQuery);
  useEffect(() => startEvents(client), [client]);
  useJobOutcomes();
  useEffect(() => {
    if (hosts) recordLoad(hosts.rows);
  }, [hosts]);
  useHotkeys({
    'mod+k': () => setPalette(true),
    '?': () => setKeys(true),
    'g o': () => void navigate({ to: '/' }),
    'g c': () => void navigate({ to: '/containers' }),
    'g h': () => void navigate({ to: '/hosts' }),
    'g j': () => void navigate({ to: '/jobs' }),
  });
  return (
    <div className={classes.app}>
      <a href="#content" className={classes.skip}>
        {shell.skip}
      </a>
      {!phone && <Rail onJump={() => setPalette(true)} />}
      <div className={classes.main}>
        <LostBanner />
        <Outlet />
      </div>
      {phone ? <TabBar /> : <StatusLine onKeys={() => setKeys(true)} />}
      <Palette opened={palette} onClose={() => setPalette(false)} onKeys={() => setKeys(true)} />
      <KeysDialog opened={keys} onClose={() => setKeys(false)} />
      <Toaster />
    </div>
  );
}

function NavLink({ to, icon: Icon, label, children }: { to: string; icon: LucideIcon; label: string; children?: React.ReactNode }) {
  return (
    <Link to={to} activeOptions={{ exact: to === '/', includeSearch: false }} activeProps={{ 'aria-current': 'page' }}>
      <Icon aria-hidden /> {label}
      {children}
    </Link>
  );
}

function Rail({ onJump }: { onJump: () => void }) {
  const { data: session } = useQuery(sessionQuery);
  const { data: overview } = useQuery(overviewQuery);
  const { data: hosts } = useQuery(hostsQuery);
  const failed = useFailedJobs(useNow());
  const toggleScheme = useToggleScheme();
  const signOut = useSignOut();
  const silent = hosts?.rows.filter(isSilent).length ?? 0;
  const name = session?.user.username ?? '';
  return (
    <nav className={classes.rail} aria-label={shell.main}>
      <div className={classes.team}>
        <Mark />
        <b>{common.brand}</b>
        <span className={cx(classes.teamName, 'ellipsis')}>{session?.organisation.name}</span>
      </div>
      <button type="button" className={classes.jump} onClick={onJump}>
        <Search aria-hidden /> {shell.jump} <kbd>Ctrl K</kbd>
      </button>
      <div className={classes.nav}>
        <NavLink to="/" icon={Gauge} label={shell.nav.overview} />
        <NavLink to="/containers" icon={Box} label={shell.nav.containers}>
          {overview && <span className={classes.n}>{overview.containers.total}</span>}
        </NavLink>
        <div className={classes.sep} />
        <NavLink to="/images" icon={Package} label={shell.nav.images} />
        <NavLink to="/volumes" icon={HardDrive} label={shell.nav.volumes} />
        <NavLink to="/networks" icon={Network} label={shell.nav.networks} />
        <div className={classes.sep} />
        <NavLink to="/hosts" icon={Server} label={shell.nav.hosts}>
          {hosts && hosts.rows.length > 0 && (
            <span className={cx(classes.n, silent > 0 && classes.warn)}>
              {silent > 0 && <Glyph name="unknown" />}
              {silent > 0 ? `${hosts.rows.length - silent} / ${hosts.rows.length}` : hosts.rows.length}
            </span>
          )}
        </NavLink>
        <NavLink to="/jobs" icon={ListChecks} label={shell.nav.jobs}>
          {failed > 0 && (
            <span className={cx(classes.n, classes.bad)}>
              <Glyph name="bad" /> {failed}
            </span>
          )}
        </NavLink>
        <NavLink to="/audit" icon={ScrollText} label={shell.nav.audit} />
        <NavLink to="/settings" icon={Settings} label={shell.nav.settings} />
      </div>
      <div className={classes.me}>
        <Menu position="top-start">
          <Menu.Target>
            <button type="button" className={classes.account} aria-label={shell.account(name)}>
              <span className={classes.avatar} data-initials={name.slice(0, 2).toUpperCase()} />
              <span className="ellipsis">{name}</span>
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            <MenuItemLink to="/settings" leftSection={<KeyRound aria-hidden />}>
              {shell.nav.settings}
            </MenuItemLink>
            <Menu.Item leftSection={<LogOut aria-hidden />} onClick={() => void signOut()}>
              {shell.signOut}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <ActionIcon onClick={toggleScheme} aria-label={shell.switchTheme} title={shell.switchTheme}>
          <SunMoon aria-hidden />
        </ActionIcon>
      </div>
    </nav>
  );
}

function TabBar() {
  const failed = useFailedJobs(useNow());
  const tabs = [
    { to: '/', icon: Gauge, label: shell.nav.overview },
    { to: '/containers', icon: Box, label: shell.nav.containers },
    { to: '/hosts', icon: Server, label: shell.nav.hosts },
    { to: '/jobs', icon: ListChecks, label: shell.nav.jobs, bad: failed > 0 },
    { to: '/more', icon: MenuIcon, label: shell.nav.more },
  ];
  return (
    <nav className={classes.tabbar} aria-label={shell.main}>
      {tabs.map(({ to, icon: Icon, label, bad }) => (
        <Link key={to} to={to} activeOptions={{ exact: to === '/', includeSearch: false }} activeProps={{ 'aria-current': 'page' }}>
          <Icon aria-hidden />
          {label}
          {bad && <Glyph name="bad" tone="bad" className={classes.dot} />}
        </Link>
      ))}
    </nav>
  );
}

