/** Settings: API tokens, members, how this browser shows things, and what is running. */
import { useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { Page } from '@/app/Page';
import { readDensity, writeDensity, type Density } from '@/features/containers/useColumnChoice';
import { get } from '@/lib/api/client';
import type { Health } from '@/lib/api/types';
import { setSingleKeys, singleKeysOn } from '@/lib/hotkeys';
import { common, settings as words, shell } from '@/messages';
import card from '@/ui/Card.module.css';
import { Card } from '@/ui/Card';
import { Glyph } from '@/ui/Glyph';
import { Seg } from '@/ui/Seg';
import toolbar from '@/ui/Toolbar.module.css';
import { Members } from './Members';
import classes from './SettingsPage.module.css';
import { Tokens } from './Tokens';

type Tab = keyof typeof words.tabs;

export function SettingsPage() {
  const { tab = 'tokens' } = useSearch({ from: '/shell/settings' });
  const navigate = useNavigate({ from: '/settings' });
  const active: Tab = tab in words.tabs ? (tab as Tab) : 'tokens';
  return (
    <Page title={words.title}>
      <nav className={toolbar.views} aria-label={words.tabsLabel}>
        {(Object.keys(words.tabs) as Tab[]).map((name) => (
          <button key={name} type="button" aria-current={name === active || undefined} onClick={() => void navigate({ search: { tab: name } })}>
            {words.tabs[name]}
          </button>
        ))}
      </nav>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard */}
      <div className={card.scroll} tabIndex={0} role="region" aria-label={words.title}>
        <div className={classes.column}>
          {active === 'tokens' && <Tokens />}
          {active === 'members' && <Members />}
          {active === 'appearance' && <Appearance />}
          {active === 'about' && <About />}
        </div>
      </div>
    </Page>
  );
}

function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [density, setDensity] = useState<Density>(readDensity);
  const [keys, setKeys] = useState(singleKeysOn);
  const a = words.appearance;
  return (
    <Card title={words.tabs.appearance}>
      <dl className={`${card.properties ?? ''} ${classes.choices ?? ''}`}>
        <dt>{a.scheme}</dt>
        <dd>
          <Seg<MantineColorScheme>
            label={a.scheme}
            value={colorScheme}
            onChange={setColorScheme}
            options={[
              { value: 'light', label: a.light },
              { value: 'dark', label: a.dark },
              { value: 'auto', label: a.system },
            ]}
          />
        </dd>
        <dt>{a.density}</dt>
        <dd>
          <Seg
            label={a.density}
            value={density}
            onChange={(next) => {
              setDensity(next);
              writeDensity(next);
            }}
            options={[
              { value: 'dense', label: common.dense },
              { value: 'roomy', label: common.roomy },
            ]}
          />
        </dd>
        <dt>{a.keys}</dt>
        <dd>
          <label className="row">
            <input
              type="checkbox"
              className="checkbox"
              checked={keys}
              onChange={(event) => {
                setKeys(event.target.checked);
                setSingleKeys(event.target.checked);
              }}
            />
            {shell.keysSwitch}
          </label>
        </dd>
      </dl>
    </Card>
  );
}

function About() {
  const { data: health } = useQuery({ queryKey: ['health'], queryFn: ({ signal }) => get<Health>('/health', undefined, signal), refetchInterval: 10_000 });
  const a = words.about;
  return (
    <Card title={words.tabs.about}>
      <dl className={card.properties}>
        <dt>{a.server}</dt>
        <dd>{window.location.host}</dd>
        {health && (
          <>
            <dt>{a.health}</dt>
            <dd>
              <span className="row">
                <Glyph name={health.ok ? 'ok' : 'warn'} tone={health.ok ? 'ok' : 'warn'} /> {health.ok ? a.healthy : a.unhealthy}
              </span>
            </dd>
            {Object.entries(health.components).map(([name, component]) => (
              <Part key={name} name={name} ok={component.ok} detail={component.detail} />
            ))}
          </>
        )}
        <dt>{a.api}</dt>
        <dd>
          <a className="link" href="/api/v1/schema" target="_blank" rel="noreferrer">
            {a.apiDocs}
          </a>
        </dd>
        <dt>{a.licence}</dt>
        <dd>Apache-2.0</dd>
      </dl>
    </Card>
  );
}

function Part({ name, ok, detail }: { name: string; ok: boolean; detail: string }) {
  return (
    <>
      <dt>{words.about.parts[name] ?? name}</dt>
      <dd title={detail}>
        <span className="row">
          <Glyph name={ok ? 'ok' : 'bad'} tone={ok ? 'ok' : 'bad'} /> <span className="ellipsis">{detail}</span>
        </span>
      </dd>
    </>
  );
}
