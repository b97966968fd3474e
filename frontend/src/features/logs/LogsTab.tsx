/** The log of one container: search, levels, lines over time, and the lines themselves. */
import { ActionIcon, Menu } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { ArrowDown, ArrowUp, Download, Eraser, Search, Settings, WrapText } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useContainer } from '@/features/container/useContainer';
import { formatCount } from '@/lib/format';
import { useHotkeys } from '@/lib/hotkeys';
import { socketUrl } from '@/lib/live/socket';
import { readStored, writeStored } from '@/lib/stored';
import { usePhone } from '@/lib/useMedia';
import { logs as words } from '@/messages';
import { Seg, SegToggles } from '@/ui/Seg';
import { LogView, type TimeStyle } from './LogView';
import classes from './LogsTab.module.css';
import type { Filter, Search as LogSearch } from './protocol';
import { LEVELS, type Level } from './text';
import { useLogs } from './useLogs';
import { VolumeBars } from './VolumeBars';

const WRITE_MS = 400;
const TAILS = [500, 5000, 50_000] as const;

function useStoredChoice<T extends string>(key: string, initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => (readStored(key) as T | null) ?? initial);
  return [
    value,
    (next) => {
      setValue(next);
      writeStored(key, next);
    },
  ];
}

export function LogsTab() {
  const container = useContainer();
  const phone = usePhone();
  const { find } = useSearch({ from: '/shell/containers/$host/$id/logs' });
  const navigate = useNavigate();
  const [search, setSearch] = useState<LogSearch>({ text: find ?? '', matchCase: false, regex: false, only: false });
  const [hiddenLevels, setHiddenLevels] = useState<Level[]>([]);
  const [stream, setStream] = useState<Filter['stream']>('both');
  const [time, setTime] = useStoredChoice<TimeStyle>('mooring-log-time', 'local');
  const [wrap, setWrap] = useStoredChoice<'on' | 'off'>('mooring-log-wrap', 'on');
  const [tail, setTail] = useState<number>(TAILS[0]);
  const input = useRef<HTMLInputElement>(null);
  const url = useMemo(() => socketUrl('/ws/logs', { host: container.host.id, container: container.id }), [container.host.id, container.id]);
  const logs = useLogs(url, tail);
  const { tick, send } = logs;

  useEffect(() => {
    send({ type: 'filter', filter: { hiddenLevels, stream, search } });
    // `send` changes with each tick; the filter must be sent when it changes, not each time.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [hiddenLevels, stream, search]);
  useEffect(() => {
    const timer = setTimeout(() => void navigate({ to: '.', search: search.text ? { find: search.text } : {}, replace: true }), WRITE_MS);
    return () => clearTimeout(timer);
  }, [search.text, navigate]);
  const focusSearch = () => {
    input.current?.focus();
    input.current?.select();
  };
  useHotkeys({ '/': focusSearch, 'mod+f': focusSearch, n: () => send({ type: 'seek-hit', direction: 1 }), p: () => send({ type: 'seek-hit', direction: -1 }) });

  const download = () => {
    logs.onExport((text) => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
      link.download = `${container.name}.log`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
    send({ type: 'export' });
  };
  const showAll = () => {
    setHiddenLevels([]);
    setStream('both');
    setSearch({ ...search, only: false });
  };
  const toggleLevel = (level: Level) => setHiddenLevels(hiddenLevels.includes(level) ? hiddenLevels.filter((each) => each !== level) : [...hiddenLevels, level]);

  return (
    <>
      <div className={classes.bar}>
        <div className={classes.search} data-problem={tick?.searchError || undefined}>
          <Search aria-hidden />
          <input
            ref={input}
            aria-label={words.search}
            placeholder={words.searchPlaceholder}
            spellCheck={false}
            autoComplete="off"
            value={search.text}
            onChange={(event) => setSearch({ ...search, text: event.target.value })}
            onKeyDown={(event) => {
              if (event.key === 'Enter') send({ type: 'seek-hit', direction: event.shiftKey ? -1 : 1 });
              else if (event.key === 'Escape') {
                if (search.text === '') event.currentTarget.blur();
                else setSearch({ ...search, text: '' });
              } else return;
              event.preventDefault();
            }}
          />
          {search.text !== '' && tick && (
            <span className={classes.count} role="status">
              {words.hits(Math.max(0, tick.hitIndex + 1), tick.hits)}
            </span>
          )}
          <SegToggles
            label={words.search}
            options={[
              { label: 'Aa', title: words.matchCase, on: search.matchCase, toggle: () => setSearch({ ...search, matchCase: !search.matchCase }) },
              { label: '.*', title: words.regex, on: search.regex, toggle: () => setSearch({ ...search, regex: !search.regex }) },
              { label: 'only', title: words.only, on: search.only, toggle: () => setSearch({ ...search, only: !search.only }) },
            ]}
          />
        </div>
        <span className={`${classes.steps ?? ''} desk`}>
          <ActionIcon variant="default" aria-label={words.previous} title={words.previous} disabled={!tick?.hits} onClick={() => send({ type: 'seek-hit', direction: -1 })}>
            <ArrowUp aria-hidden />
          </ActionIcon>
          <ActionIcon variant="default" aria-label={words.next} title={words.next} disabled={!tick?.hits} onClick={() => send({ type: 'seek-hit', direction: 1 })}>
            <ArrowDown aria-hidden />
          </ActionIcon>
        </span>
        <span className={classes.levels} role="group" aria-label={words.levels}>
          {LEVELS.filter((level) => (tick?.levels[level] ?? 0) > 0 || hiddenLevels.includes(level) || level === 'error' || level === 'warn' || level === 'info').map((level) => (
            <button key={level} type="button" className={classes.level} data-level={level} aria-pressed={!hiddenLevels.includes(level)} onClick={() => toggleLevel(level)}>
              <i />
              {words.level[level]} <span className={classes.n}>{formatCount(tick?.levels[level] ?? 0)}</span>
            </button>
          ))}
        </span>
        <span className={`${classes.tools ?? ''} desk`}>
          <ActionIcon aria-label={words.wrap} title={words.wrap} aria-pressed={wrap === 'on'} className={wrap === 'on' ? classes.on : undefined} onClick={() => setWrap(wrap === 'on' ? 'off' : 'on')}>
            <WrapText aria-hidden />
          </ActionIcon>
          <ActionIcon aria-label={words.clear} title={words.clear} onClick={() => send({ type: 'clear' })}>
            <Eraser aria-hidden />
          </ActionIcon>
          <ActionIcon aria-label={words.download} title={words.download} onClick={download}>
            <Download aria-hidden />
          </ActionIcon>
          <Menu closeOnItemClick={false}>
            <Menu.Target>
              <ActionIcon aria-label={words.settings} title={words.settings}>
                <Settings aria-hidden />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>{words.times}</Menu.Label>
              <div className={classes.choice}>
                <Seg label={words.times} value={time} onChange={setTime} options={(['local', 'utc', 'off'] as const).map((value) => ({ value, label: words.time[value] }))} />
              </div>
              <Menu.Label>{words.streams}</Menu.Label>
              <div className={classes.choice}>
                <Seg label={words.streams} value={stream} onChange={setStream} options={(['both', 'out', 'err'] as const).map((value) => ({ value, label: words.stream[value] }))} />
              </div>
              <Menu.Label>{words.loadOlder}</Menu.Label>
              <div className={classes.choice}>
                <Seg label={words.loadOlder} value={String(tail)} onChange={(value) => setTail(Number(value))} options={TAILS.map((value) => ({ value: String(value), label: value.toLocaleString('en-GB') }))} />
              </div>
            </Menu.Dropdown>
          </Menu>
        </span>
      </div>
      {tick?.volume && <VolumeBars volume={tick.volume} onSeek={(at) => send({ type: 'seek-time', at })} />}
      <LogView silentHost={container.stale ? container.host.name : null} logs={logs} search={search} time={time} wrap={phone || wrap === 'on'} phone={phone} onShowAll={showAll} />
    </>
  );
}
