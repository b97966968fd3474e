/** One xterm over one connection. */
import '@xterm/xterm/css/xterm.css';
import { ActionIcon, Button, useComputedColorScheme } from '@mantine/core';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal, type ITheme } from '@xterm/xterm';
import { X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { formatDuration } from '@/lib/format';
import { common, terminal as words } from '@/messages';
import { dark, light, shape } from '@/theme/tokens';
import { Glyph } from '@/ui/Glyph';
import { TerminalConnection, type TerminalRequest, type TerminalState } from './connection';
import classes from './TerminalTab.module.css';

function themeOf(scheme: 'light' | 'dark'): ITheme {
  const c = scheme === 'dark' ? dark : light;
  return {
    background: c.well,
    foreground: c.text,
    cursor: c.text,
    cursorAccent: c.well,
    selectionBackground: scheme === 'dark' ? '#24505a' : '#bfe0e3',
    black: scheme === 'dark' ? c.press : c.text,
    brightBlack: c['text-3'],
    white: scheme === 'dark' ? c.text : c['text-3'],
    brightWhite: scheme === 'dark' ? '#ffffff' : c['text-2'],
    red: c['ansi-red'],
    brightRed: c['ansi-red'],
    green: c['ansi-green'],
    brightGreen: c['ansi-green'],
    yellow: c['ansi-yellow'],
    brightYellow: c['ansi-yellow'],
    blue: c['ansi-blue'],
    brightBlue: c['ansi-blue'],
    magenta: c['ansi-magenta'],
    brightMagenta: c['ansi-magenta'],
    cyan: c['ansi-cyan'],
    brightCyan: c['ansi-cyan'],
  };
}

interface Props {
  active: boolean;
  request: TerminalRequest;
  onSize: (size: { cols: number; rows: number }) => void;
  onAgain: () => void;
}

export function TerminalView({ active, request, onSize, onAgain }: Props) {
  const mount = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal | null>(null);
  const fit = useRef<FitAddon | null>(null);
  const [state, setState] = useState<TerminalState>({ kind: 'connecting' });
  const [dismissed, setDismissed] = useState(false);
  const scheme = useComputedColorScheme('light');
  // A session keeps the request it was opened with.
  const [opened] = useState(request);
  const sizeRef = useRef(onSize);
  useEffect(() => {
    sizeRef.current = onSize;
  });

  useEffect(() => {
    const box = mount.current;
    if (!box) return undefined;
    const screen = new Terminal({ fontFamily: shape.mono, fontSize: 13, lineHeight: 1.25, cursorBlink: false, scrollback: 10_000, theme: themeOf(scheme), screenReaderMode: false });
    const fitter = new FitAddon();
    screen.loadAddon(fitter);
    screen.open(box);
    terminal.current = screen;
    fit.current = fitter;
    fitter.fit();
    const connection = new TerminalConnection(
      opened,
      { rows: screen.rows, cols: screen.cols },
      (bytes) => screen.write(bytes),
      (next) => {
        setState(next);
        setDismissed(false);
      },
    );
    screen.onData((text) => connection.type(text));
    screen.onBinary((text) => connection.typeBinary(text));
    screen.onResize(({ rows, cols }) => {
      connection.resize(rows, cols);
      sizeRef.current({ rows, cols });
    });
    screen.attachCustomKeyEventHandler((event) => {
      if (event.type !== 'keydown' || !event.ctrlKey || !event.shiftKey) return true;
      if (event.code === 'KeyC') {
        event.preventDefault();
        void navigator.clipboard.writeText(screen.getSelection());
        return false;
      }
      if (event.code === 'KeyV') return false;
      if (event.key === 'Escape') {
        screen.blur();
        document.getElementById('content')?.focus();
        return false;
      }
      return true;
    });
    sizeRef.current({ rows: screen.rows, cols: screen.cols });
    void connection.open();
    screen.focus();
    const observer = new ResizeObserver(() => {
      if (box.clientWidth > 0) fitter.fit();
    });
    observer.observe(box);
    return () => {
      observer.disconnect();
      connection.close();
      screen.dispose();
      terminal.current = null;
    };
    // The scheme is applied by the effect below; a new one must not open a new shell.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [opened]);
  useEffect(() => {
    if (terminal.current) terminal.current.options.theme = themeOf(scheme);
  }, [scheme]);
  useEffect(() => {
    if (!active) return;
    fit.current?.fit();
    terminal.current?.focus();
  }, [active]);

  const note = noteOf(state);
  return (
    <div className={classes.view} hidden={!active}>
      {note && !dismissed && (
        <div className={classes.note} data-tone={note.tone} role="status">
          <Glyph name={note.glyph} tone={note.tone} />
          <span className="grow">{note.text}</span>
          {note.again && (
            <Button variant="filled" size="xs" onClick={onAgain}>
              {words.reopen}
            </Button>
          )}
          {!note.again && (
            <ActionIcon size={22} aria-label={common.dismiss} onClick={() => setDismissed(true)}>
              <X aria-hidden />
            </ActionIcon>
          )}
        </div>
      )}
      <div className={classes.screen} data-terminal>
        <div className={classes.mount} ref={mount} aria-label={words.region} role="region" data-terminal-state={state.kind} />
      </div>
    </div>
  );
}

function noteOf(state: TerminalState): { glyph: 'ok' | 'work' | 'bad' | 'idle'; tone: 'ok' | 'work' | 'bad' | 'idle'; text: string; again: boolean } | null {
  switch (state.kind) {
    case 'connecting':
      return null;
    case 'open':
      return state.reconnectedAfterMs === undefined ? null : { glyph: 'ok', tone: 'ok', text: words.reconnected(formatDuration(Math.ceil(state.reconnectedAfterMs / 1000))), again: false };
    case 'lost':
      return { glyph: 'work', tone: 'work', text: words.reconnecting, again: false };
    case 'exited':
      return { glyph: 'idle', tone: 'idle', text: words.exited(state.code), again: true };
    case 'closed':
      return { glyph: 'idle', tone: 'idle', text: words.closed, again: true };
    case 'failed':
      return { glyph: 'bad', tone: 'bad', text: [words.failedTitle, state.message, state.next].filter(Boolean).map((part) => part.replace(/\.$/, '')).join('. '), again: true };
  }
}
