/** Terminals in the container: several side by side as tabs, each with its own shell and user. */
import { ActionIcon, Button, Menu, TextInput } from '@mantine/core';
import { ChevronDown, Plus, SquareTerminal, User, X } from 'lucide-react';
import { useRef, useState } from 'react';
import { useContainer } from '@/features/container/useContainer';
import { NotRunning } from '@/features/container/NotRunning';
import { terminal as words } from '@/messages';
import { Empty } from '@/ui/Empty';
import classes from './TerminalTab.module.css';
import { TerminalView } from './TerminalView';

type Shell = keyof typeof words.shells;
const shellPaths: Record<Shell, string> = { auto: '', sh: '/bin/sh', bash: '/bin/bash', ash: '/bin/ash', attach: '' };

interface Session {
  key: number;
  shell: Shell;
  user: string;
}

export function TerminalTab() {
  const container = useContainer();
  const [shell, setShell] = useState<Shell>('auto');
  const [user, setUser] = useState('');
  const counter = useRef(1);
  const [sessions, setSessions] = useState<readonly Session[]>([{ key: 0, shell: 'auto', user: '' }]);
  const [active, setActive] = useState(0);
  const [size, setSize] = useState<{ cols: number; rows: number } | null>(null);
  const running = container.state === 'running';
  // A session that is open outlives a cut link (it says so itself); only a new one cannot begin then.
  const [begun, setBegun] = useState(false);
  if (running && !container.stale && !begun) setBegun(true);

  const openNew = (with_: { shell?: Shell; user?: string } = {}) => {
    const key = counter.current++;
    setSessions((old) => [...old, { key, shell: with_.shell ?? shell, user: with_.user ?? user }]);
    setActive(key);
  };
  const close = (key: number) => {
    const rest = sessions.filter((session) => session.key !== key);
    setSessions(rest);
    if (active === key) setActive(rest[rest.length - 1]?.key ?? -1);
  };

  if (!running || !begun) return <NotRunning container={container} icon={<SquareTerminal aria-hidden />} text={words.notRunningText} />;
  return (
    <div className={classes.page} data-no-keys>
      <div className={classes.bar}>
        {sessions.length > 0 && (
          <div className={classes.sessions} role="tablist" aria-label={words.region}>
            {sessions.map((session) => (
              <button key={session.key} type="button" role="tab" aria-selected={session.key === active} onClick={() => setActive(session.key)}>
                <i /> {words.tab(session.shell)} {session.key + 1}
              </button>
            ))}
          </div>
        )}
        <ActionIcon aria-label={words.open} title={words.open} onClick={() => openNew()}>
          <Plus aria-hidden />
        </ActionIcon>
        <span className={classes.right}>
          <Menu>
            <Menu.Target>
              <Button leftSection={<SquareTerminal aria-hidden />} rightSection={<ChevronDown aria-hidden />}>
                {words.shells[shell]}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>{words.shell}</Menu.Label>
              {(Object.keys(words.shells) as Shell[]).map((name) => (
                <Menu.Item
                  key={name}
                  leftSection={<SquareTerminal aria-hidden />}
                  onClick={() => {
                    setShell(name);
                    openNew({ shell: name });
                  }}
                >
                  {words.shells[name]}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
          <Menu closeOnItemClick={false}>
            <Menu.Target>
              <Button className="desk" leftSection={<User aria-hidden />} rightSection={<ChevronDown aria-hidden />}>
                {user === '' ? words.userDefault : user}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <form
                className={classes.user}
                onSubmit={(event) => {
                  event.preventDefault();
                  openNew({ user });
                }}
              >
                <TextInput label={words.user} placeholder="root" value={user} onChange={(event) => setUser(event.currentTarget.value)} autoComplete="off" />
                <Button type="submit" variant="filled" fullWidth>
                  {words.open}
                </Button>
              </form>
            </Menu.Dropdown>
          </Menu>
          {size && <span className="muted num desk small">{words.size(size.cols, size.rows)}</span>}
          {sessions.length > 0 && (
            <Button variant="subtle" data-danger aria-label={words.end} onClick={() => close(active)}>
              <span className="desk">{words.end}</span>
              <X aria-hidden className="phone-only" />
            </Button>
          )}
        </span>
      </div>
      {sessions.map((session) => (
        <TerminalView
          key={session.key}
          active={session.key === active}
          request={{ host: container.host.id, container: container.id, shell: shellPaths[session.shell], user: session.user, attach: session.shell === 'attach' }}
          onSize={setSize}
          onAgain={() => {
            close(session.key);
            openNew({ shell: session.shell, user: session.user });
          }}
        />
      ))}
      {sessions.length === 0 && (
        <Empty
          icon={<SquareTerminal aria-hidden />}
          title={words.closed}
          actions={
            <Button variant="filled" onClick={() => openNew()}>
              {words.reopen}
            </Button>
          }
        />
      )}
      <footer className={`${classes.foot ?? ''} desk`}>
        <span>
          {words.copyKeys} <kbd>Ctrl</kbd>
          <kbd>Shift</kbd>
          <kbd>C</kbd>
        </span>
        <span>
          {words.pasteKeys} <kbd>Ctrl</kbd>
          <kbd>Shift</kbd>
          <kbd>V</kbd>
        </span>
        <span>
          {words.leaveKeys} <kbd>Ctrl</kbd>
          <kbd>Shift</kbd>
          <kbd>Esc</kbd>
        </span>
        <span className={classes.kept}>{words.keys}</span>
      </footer>
    </div>
  );
}
