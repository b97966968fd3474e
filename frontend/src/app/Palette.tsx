/** Ctrl-K: things before commands. Everything in it is on screen somewhere else too. */
import { Modal } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { ArrowRight, Search } from 'lucide-react';
import { useDeferredValue, useEffect, useId, useMemo, useRef, useState, type ReactNode } from 'react';
import { containersQuery, hostsQuery, imagesQuery, jobsQuery } from '@/lib/api/queries';
import { shortId } from '@/lib/format';
import { useNow } from '@/lib/now';
import { containerLook, hostLook, jobLook } from '@/lib/state';
import { shell } from '@/messages';
import { Glyph } from '@/ui/Glyph';
import { StatePill } from '@/ui/StatePill';
import classes from './Palette.module.css';
import { useSignOut, useToggleScheme } from './Shell';

interface Entry {
  key: string;
  group: string;
  text: string;
  also: string;
  icon?: ReactNode;
  right?: ReactNode;
  act: () => void;
}

const PER_GROUP = 6;

/** Lower is better; null when it does not match. A hit at the start beats one inside, letters in order come last. */
function score(text: string, query: string): number | null {
  const lower = text.toLowerCase();
  const at = lower.indexOf(query);
  if (at === 0) return 0;
  if (at > 0) return /[\s\-_./:]/.test(lower[at - 1] ?? '') ? 1 : 2;
  let from = 0;
  for (const letter of query) {
    const found = lower.indexOf(letter, from);
    if (found < 0) return null;
    from = found + 1;
  }
  return 3 + from / 100;
}

function Marked({ text, query }: { text: string; query: string }) {
  const at = query === '' ? -1 : text.toLowerCase().indexOf(query);
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + query.length)}</mark>
      {text.slice(at + query.length)}
    </>
  );
}

export function Palette({ opened, onClose, onKeys }: { opened: boolean; onClose: () => void; onKeys: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} size={600} yOffset="14vh" centered={false} padding={0} title={shell.palette} transitionProps={{ duration: 0 }} styles={{ body: { padding: 0 } }} classNames={{ header: classes.hidden }}>
      {opened && <PaletteBody onClose={onClose} onKeys={onKeys} />}
    </Modal>
  );
}

function PaletteBody({ onClose, onKeys }: { onClose: () => void; onKeys: () => void }) {
  const [typed, setTyped] = useState('');
  const [index, setIndex] = useState(0);
  const query = useDeferredValue(typed.trim().toLowerCase());
  const listId = useId();
  const list = useRef<HTMLDivElement>(null);
  const entries = useEntries(query, onKeys);
  const current = Math.min(index, Math.max(0, entries.length - 1));
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [current]);
  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.act();
  };
  return (
    <>
      <div className={classes.input}>
        <Search aria-hidden />
        <input
          data-autofocus
          role="combobox"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={entries[current] ? `${listId}-${current}` : undefined}
          aria-label={shell.palette}
          placeholder={shell.palettePlaceholder}
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setIndex(0);
          }}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') setIndex(Math.min(entries.length - 1, current + 1));
            else if (event.key === 'ArrowUp') setIndex(Math.max(0, current - 1));
            else if (event.key === 'Enter') run(entries[current]);
            else return;
            event.preventDefault();
          }}
        />
      </div>
      { }
      <div className={classes.list} id={listId} role="listbox" aria-label={shell.palette} ref={list}>
        {entries.length === 0 && <p className={classes.nothing}>{shell.paletteNothing}</p>}
        {entries.map((entry, at) => (
          <div key={entry.key} role="presentation">
            {entry.group !== entries[at - 1]?.group && (
              <div className={classes.group} role="presentation">
                {entry.group}
              </div>
            )}
            {/* eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus -- keys are handled in the input */}
            <div id={`${listId}-${at}`} role="option" aria-selected={at === current} className={classes.entry} onClick={() => run(entry)} onMouseMove={() => setIndex(at)}>
              {entry.icon ?? <ArrowRight aria-hidden />}
              <span className="ellipsis">
                <Marked text={entry.text} query={query} />
              </span>
              {entry.also && <span className={classes.also}>{entry.also}</span>}
              {entry.right && <span className={classes.right}>{entry.right}</span>}
            </div>
          </div>
        ))}
      </div>
      <div className={classes.foot}>
        <span>
          <kbd>↑</kbd>
          <kbd>↓</kbd> {shell.paletteMove}
        </span>
        <span>
          <kbd>Enter</kbd> {shell.paletteOpen}
        </span>
        <span>
          <kbd>Esc</kbd> {shell.paletteClose}
        </span>
      </div>
    </>
  );
}

function useEntries(query: string, onKeys: () => void): Entry[] {
  const navigate = useNavigate();
  const now = useNow();
  const toggle = useToggleScheme();
  const signOut = useSignOut();
  const { data: containers } = useQuery(containersQuery);
  const { data: hosts } = useQuery(hostsQuery);
  const { data: images } = useQuery(imagesQuery);
  const { data: jobs } = useInfiniteQuery(jobsQuery);
  const minute = Math.floor(now / 60_000);
  return useMemo(() => {
    const at = minute * 60_000;
    const groups = shell.groups;
    const pages: [string, string][] = [
      ['/', shell.nav.overview],
      ['/containers', shell.nav.containers],
      ['/images', shell.nav.images],
      ['/volumes', shell.nav.volumes],
      ['/networks', shell.nav.networks],
      ['/hosts', shell.nav.hosts],
      ['/jobs', shell.nav.jobs],
      ['/audit', shell.nav.audit],
      ['/settings', shell.nav.settings],
    ];
    const all: Entry[] = [
      ...(containers?.rows ?? []).map((container) => {
        const look = containerLook(container, at);
        return {
          key: `c-${container.host.id}-${container.id}`,
          group: groups.containers,
          text: container.name,
          also: container.host.name,
          icon: <Glyph name={look.glyph} tone={look.tone} />,
          right: look.loud ? <StatePill look={look} /> : look.word,
          act: () => void navigate({ to: '/containers/$host/$id', params: { host: container.host.id, id: shortId(container.id) } }),
        };
      }),
      ...(hosts?.rows ?? []).map((host) => {
        const look = hostLook(host, at);
        return { key: `h-${host.id}`, group: groups.hosts, text: host.name, also: '', icon: <Glyph name={look.glyph} tone={look.tone} />, right: look.word, act: () => void navigate({ to: '/hosts', search: { open: host.id } }) };
      }),
      ...(jobs?.pages.flatMap((page) => page.results) ?? []).map((job) => {
        const look = jobLook(job);
        return { key: `j-${job.id}`, group: groups.jobs, text: job.title, also: `${job.number}`, icon: <Glyph name={look.glyph} tone={look.tone} />, right: look.word, act: () => void navigate({ to: '/jobs', search: { job: job.id } }) };
      }),
      ...(images?.rows ?? []).flatMap((image) =>
        image.tags.slice(0, 1).map((tag) => ({ key: `i-${image.host.id}-${image.id}-${tag}`, group: groups.images, text: tag, also: image.host.name, act: () => void navigate({ to: '/images', search: { q: tag } }) })),
      ),
      ...pages.map(([to, label]) => ({ key: `p-${to}`, group: groups.pages, text: label, also: '', act: () => void navigate({ to }) })),
      { key: 'x-run', group: groups.commands, text: shell.commands.run, also: '', act: () => void navigate({ to: '/run' }) },
      { key: 'x-host', group: groups.commands, text: shell.commands.addHost, also: '', act: () => void navigate({ to: '/hosts', search: { add: '1' } }) },
      { key: 'x-theme', group: groups.commands, text: shell.commands.theme, also: '', act: toggle },
      { key: 'x-keys', group: groups.commands, text: shell.commands.keys, also: '', act: onKeys },
      { key: 'x-out', group: groups.commands, text: shell.commands.signOut, also: '', act: () => void signOut() },
    ];
    // Without a query only places and commands: a list of everything helps nobody.
    const searched = Object.values(groups).filter((group) => query !== '' || group === groups.pages || group === groups.commands);
    const found = searched.map((group) =>
      all
        .filter((entry) => entry.group === group)
        .map((entry) => ({ entry, value: query === '' ? 0 : (score(entry.text, query) ?? score(`${entry.text} ${entry.also}`, query)) }))
        .filter((each): each is { entry: Entry; value: number } => each.value !== null)
        .sort((a, b) => a.value - b.value),
    );
    // Letters-in-order hits are noise once there is a real one, in whatever group.
    const worst = found.flat().some((each) => each.value < 3) || query.length < 3 ? 3 : Infinity;
    return found.flatMap((scored) => scored.filter((each) => each.value < worst).slice(0, query === '' ? 12 : PER_GROUP).map((each) => each.entry));
  }, [query, containers, hosts, images, jobs, minute, navigate, onKeys, signOut, toggle]);
}
