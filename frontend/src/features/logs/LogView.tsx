/**
 * The lines. The worker says which rows the viewport covers; here they are drawn as one block that is moved as a whole.
 * Scrolling up pauses; nothing moves while paused; the pill, F or the foot of the list follows again.
 */
import { Button } from '@mantine/core';
import { ArrowDown } from 'lucide-react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type ClipboardEvent, type KeyboardEvent, type PointerEvent, type TouchEvent, type WheelEvent } from 'react';
import { useHotkeys } from '@/lib/hotkeys';
import { rowHeights } from '@/theme/tokens';
import { container, logs as words } from '@/messages';
import { Empty } from '@/ui/Empty';
import { Glyph } from '@/ui/Glyph';
import { LogRow } from './LogRow';
import classes from './LogView.module.css';
import type { Search, Wrap } from './protocol';
import { jsonFields, plainText } from './text';
import type { Logs } from './useLogs';

export type TimeStyle = 'local' | 'utc' | 'off';

const ROW = rowHeights.log;
/** Padding, bar, and the columns for time and level with their gaps, as in LogRow.module.css. */
const FIXED = { wide: 3 + 16 + 10, time: 110, level: 62, phone: 3 + 12 + 9 };
const TIME_COLUMNS = 9;

interface Props {
  /** The container's host when it does not answer: then nothing can be read, and that is why. */
  silentHost: string | null;
  logs: Logs;
  search: Search;
  time: TimeStyle;
  wrap: boolean;
  phone: boolean;
  onShowAll: () => void;
}

/** Copies the lines as they were written: without times, marks and the breaks that only the width of the view made. */
function copyLines(event: ClipboardEvent): void {
  const selection = window.getSelection();
  if (!selection || selection.isCollapsed || selection.rangeCount === 0) return;
  const copied = selection.getRangeAt(0).cloneContents();
  for (const mark of copied.querySelectorAll('[data-mark], [data-soft]')) mark.remove();
  const lines = [...copied.querySelectorAll('[data-line]')];
  event.clipboardData.setData('text/plain', lines.length > 0 ? lines.map((line) => line.textContent).join('\n') : copied.textContent);
  event.preventDefault();
}

export function LogView({ silentHost, logs, search, time, wrap, phone, onShowAll }: Props) {
  const { tick, send } = logs;
  const scroller = useRef<HTMLDivElement>(null);
  const ruler = useRef<HTMLSpanElement>(null);
  const [follow, setFollow] = useState(true);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [layout, setLayout] = useState<Wrap | null>(null);
  /** The same as `follow`, true at once and not at the next rendering; and whether the reader last moved down. */
  const following = useRef(true);
  const downwards = useRef(false);
  const sendRef = useRef(send);
  useEffect(() => {
    sendRef.current = send;
  });

  const report = useCallback((following: boolean) => {
    const box = scroller.current;
    if (box) sendRef.current({ type: 'view', viewport: { topRow: Math.floor(box.scrollTop / ROW), rows: Math.ceil(box.clientHeight / ROW), follow: following } });
  }, []);
  const resume = useCallback(() => {
    following.current = true;
    setFollow(true);
    report(true);
  }, [report]);

  const pause = useCallback(() => {
    const box = scroller.current;
    if (!following.current || !box || box.scrollHeight <= box.clientHeight) return;
    following.current = false;
    downwards.current = false;
    setFollow(false);
    report(false);
  }, [report]);

  // How many columns a line has: measured, because fonts and zoom differ.
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const measure = () => {
      const character = (ruler.current?.getBoundingClientRect().width ?? 720) / 100;
      const fixed = phone ? FIXED.phone : FIXED.wide + FIXED.level + (time === 'off' ? 0 : FIXED.time);
      const next: Wrap = { columns: Math.max(20, Math.floor((box.clientWidth - fixed) / character)), prefix: phone && time !== 'off' ? TIME_COLUMNS : 0, stripLevel: !phone };
      setLayout((old) => (JSON.stringify(old) === JSON.stringify(wrap ? next : null) ? old : wrap ? next : null));
      sendRef.current({ type: 'wrap', wrap: wrap ? next : null });
      report(following.current);
    };
    measure();
    void document.fonts.ready.then(measure);
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    return () => observer.disconnect();
  }, [wrap, phone, time, report]);

  // The end stays in view while following.
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && following.current) box.scrollTop = box.scrollHeight;
  }, [tick, follow]);

  useEffect(() => {
    logs.onScroll((row) => {
      const box = scroller.current;
      if (!box) return;
      pause();
      box.scrollTop = Math.max(0, row * ROW - box.clientHeight / 3);
      report(false);
    });
  }, [logs, report, pause]);

  // What the reader does pauses at once. The scroll event alone comes too late: the next lines would pull the view back.
  const touchAt = useRef<number | null>(null);
  const intents = {
    onWheel: (event: WheelEvent) => {
      downwards.current = event.deltaY > 0;
      if (event.deltaY < 0) pause();
    },
    onTouchStart: (event: TouchEvent) => {
      touchAt.current = event.touches[0]?.clientY ?? null;
    },
    onTouchMove: (event: TouchEvent) => {
      const moved = (event.touches[0]?.clientY ?? 0) - (touchAt.current ?? 0);
      downwards.current = moved < 0;
      if (moved > 4) pause();
    },
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key === 'ArrowUp' || event.key === 'PageUp' || event.key === 'Home') pause();
      else if (event.key === 'ArrowDown' || event.key === 'PageDown' || event.key === 'End') downwards.current = true;
    },
    onPointerDown: (event: PointerEvent) => {
      // On the scroll bar, which lies beyond the content.
      if (event.nativeEvent.offsetX < event.currentTarget.clientWidth) return;
      pause();
      downwards.current = true;
    },
  };
  const onScroll = () => {
    const box = scroller.current;
    if (!box || following.current) return;
    const atEnd = box.scrollHeight - box.clientHeight - box.scrollTop < 4;
    if (atEnd && downwards.current) resume();
    else report(false);
  };

  useHotkeys({
    f: () => {
      if (follow) pause();
      else resume();
    },
  });

  const toggleJson = useCallback(
    (seq: number, text: string) => {
      const fields = jsonFields(plainText(text));
      if (!fields) return;
      setOpen((old) => {
        const next = new Set(old);
        const opening = !next.delete(seq);
        if (opening) next.add(seq);
        sendRef.current({ type: 'open-json', seq, rows: opening ? fields.length + 1 : 0 });
        return next;
      });
      pause();
    },
    [pause],
  );

  const nothing = tick !== null && tick.shown === 0;
  return (
    <div className={classes.frame}>
      {tick?.state === 'reconnecting' && (
        <div className={classes.note} role="status">
          <Glyph name="work" tone="work" /> {words.reconnecting}
        </div>
      )}
      {tick?.state === 'refused' && (
        <div className={classes.note} data-bad role="alert">
          <Glyph name="bad" tone="bad" /> {words.refused}. {tick.reason}
        </div>
      )}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard */}
      <div className={classes.log} ref={scroller} onScroll={onScroll} {...intents} role="log" aria-live="off" tabIndex={0} aria-label={follow ? words.region : words.regionPaused} data-wrap={wrap || undefined} data-time={time} data-paused={!follow || undefined} onCopy={copyLines}>
        <span className={classes.hidden} aria-hidden="true">
          <span className={classes.ruler} ref={ruler}>
            {'0'.repeat(100)}
          </span>
        </span>
        {tick && tick.evicted > 0 && tick.fromRow === 0 && <div className={classes.older}>{words.evicted(tick.evicted)}</div>}
        {nothing &&
          (tick.loaded > 0 ? (
            <Empty title={words.noMatchTitle} actions={<Button onClick={onShowAll}>{words.showAll}</Button>}>
              <p>{words.noMatchText}</p>
            </Empty>
          ) : (
            tick.state !== 'refused' && (
              <Empty title={silentHost !== null ? container.silentTitle(silentHost) : tick.state === 'open' ? words.emptyTitle : words.waiting}>
                <p>{silentHost !== null ? words.silentText : tick.state === 'open' ? words.emptyText : words.waitingText}</p>
              </Empty>
            )
          ))}
        <div className={classes.space} style={{ height: (tick?.totalRows ?? 0) * ROW }}>
          <div className={classes.block} style={{ transform: `translateY(${(tick?.fromRow ?? 0) * ROW}px)` }}>
            {/* Keyed by place, not by line: the same elements are filled anew, none is made or removed at speed. */}
            {tick?.lines.map((line, slot) => (
              <LogRow key={slot} line={line} search={search} time={time} phone={phone} wrap={layout} current={line.seq === tick.hitSeq} open={open.has(line.seq)} onJson={toggleJson} />
            ))}
          </div>
        </div>
      </div>
      {!follow && (
        <div className={classes.pill}>
          <Glyph name="pause" tone="warn" />
          {words.paused}
          <span className={classes.rule} />
          <span className="num">
            <b className="strong">{words.newLines(tick?.newWhilePaused ?? 0)}</b>
            <span className="muted desk">, {words.skipped(0)}</span>
          </span>
          <Button variant="filled" size="xs" onClick={resume} leftSection={<ArrowDown aria-hidden />}>
            {words.follow} <kbd className="desk">F</kbd>
          </Button>
        </div>
      )}
    </div>
  );
}
