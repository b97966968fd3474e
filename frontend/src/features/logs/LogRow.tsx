/** One line: level bar, time, level, text with its colours, hits marked; JSON opens below it. */
import { ChevronRight } from 'lucide-react';
import { memo, type CSSProperties, type ReactNode } from 'react';
import { logs as words } from '@/messages';
import { CopyButton } from '@/ui/CopyButton';
import { cx } from '@/ui/cx';
import classes from './LogRow.module.css';
import type { TimeStyle } from './LogView';
import { usedColumns, type LogLine, type Note, type Search, type Wrap } from './protocol';
import { jsonFields, leadingLevel, segments, wrapBreaks, type Segment, type Style } from './text';

interface Props {
  line: LogLine;
  search: Search;
  time: TimeStyle;
  phone: boolean;
  /** How lines break, or null when they do not. */
  wrap: Wrap | null;
  current: boolean;
  open: boolean;
  onJson: (seq: number, text: string) => void;
}

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

export function formatLogTime(iso: string, style: TimeStyle, millis = true): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return '';
  const [h, m, s, ms]: [number, number, number, number] = style === 'utc' ? [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds(), at.getUTCMilliseconds()] : [at.getHours(), at.getMinutes(), at.getSeconds(), at.getMilliseconds()];
  return `${pad(h)}:${pad(m)}:${pad(s)}${millis ? `.${pad(ms, 3)}` : ''}`;
}

function noteText(note: Note): string {
  if (note.kind === 'skipped') return words.serverSkipped(note.lines);
  if (note.kind === 'ended') return words.ended(note.reason);
  return words.recovered(formatLogTime(new Date(note.from).toISOString(), 'local', false), formatLogTime(new Date(note.to).toISOString(), 'local', false), note.lines);
}

/** Where the search matches, as [start, end) pairs. */
export function hitRanges(plain: string, search: Search): [number, number][] {
  if (search.text === '') return [];
  let expression: RegExp;
  try {
    expression = new RegExp(search.regex ? search.text : search.text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), search.matchCase ? 'g' : 'gi');
  } catch {
    return [];
  }
  const ranges: [number, number][] = [];
  for (const match of plain.matchAll(expression)) {
    if (match[0] === '') break;
    ranges.push([match.index, match.index + match[0].length]);
    if (ranges.length >= 200) break;
  }
  return ranges;
}

function cssOf(style: Style): CSSProperties {
  return {
    ...(style.colour ? { color: style.colour } : {}),
    ...(style.background ? { background: style.background } : {}),
    ...(style.bold ? { fontWeight: 700 } : {}),
    ...(style.dim ? { color: 'var(--mo-text-3)' } : {}),
    ...(style.italic ? { fontStyle: 'italic' } : {}),
    ...(style.underline ? { textDecoration: 'underline' } : {}),
  };
}

/** Names of `key=value` pairs step back, so that the values are read. */
function quietKeys(text: string): ReactNode {
  if (!text.includes('=')) return text;
  const parts = text.split(/((?:^|(?<=\s))[\w.-]+=)(?=\S)/);
  if (parts.length < 3) return text;
  return parts.map((part, index) =>
    index % 2 === 1 ? (
      <span key={index} className={classes.key}>
        {part}
      </span>
    ) : (
      part
    ),
  );
}

/** The segments from `from` on, cut at the hits and at the ends of rows. */
function paint(parts: readonly Segment[], ranges: readonly [number, number][], from: number, breaks: readonly number[], current: boolean): ReactNode[] {
  const out: ReactNode[] = [];
  let at = 0;
  let range = 0;
  let row = 0;
  const put = (text: string, style: Style | null, hit: boolean) => {
    if (text === '') return;
    const content = hit ? <mark className={cx(classes.hit, current && classes.now)}>{text}</mark> : style ? text : quietKeys(text);
    out.push(
      <span key={out.length} style={style ? cssOf(style) : undefined}>
        {content}
      </span>,
    );
  };
  for (const part of parts) {
    let text = part.text;
    if (at + text.length <= from) {
      at += text.length;
      continue;
    }
    if (at < from) {
      text = text.slice(from - at);
      at = from;
    }
    while (text !== '') {
      const rowEnd = breaks[row];
      if (rowEnd !== undefined && rowEnd <= at) {
        // Not part of the text: taken out again when it is copied.
        out.push(<span key={out.length} data-soft>{'\n'}</span>);
        row += 1;
        continue;
      }
      const limit = rowEnd === undefined ? text.length : Math.min(text.length, rowEnd - at);
      let next = ranges[range];
      while (next && next[1] <= at) next = ranges[++range];
      const before = next ? Math.min(limit, Math.max(0, next[0] - at)) : limit;
      put(text.slice(0, before), part.style, false);
      const end = next ? Math.min(limit, Math.max(before, next[1] - at)) : limit;
      put(text.slice(before, end), part.style, true);
      text = text.slice(end);
      at += end;
    }
  }
  return out;
}

function jsonValue(value: unknown): ReactNode {
  if (typeof value === 'string') return <span className={classes.string}>{JSON.stringify(value)}</span>;
  if (typeof value === 'number') return <span className={classes.number}>{value}</span>;
  if (typeof value === 'boolean' || value === null) return <span className={classes.literal}>{String(value)}</span>;
  return JSON.stringify(value);
}

function Row({ line, search, time, phone, wrap, current, open, onJson }: Props) {
  if (line.note) return <div className={classes.gap}>{noteText(line.note)}</div>;
  const parts = segments(line.text);
  const plain = parts.map((part) => part.text).join('');
  const lead = phone ? '' : leadingLevel(plain);
  const fields = line.json ? jsonFields(plain) : null;
  const breaks = wrap ? wrapBreaks(plain.slice(lead.length), wrap.columns, usedColumns(line, wrap)).map((position) => position + lead.length) : [];
  return (
    <>
      <div className={classes.line} data-line data-level={line.level ?? undefined} data-current={current || undefined}>
        <span className={classes.bar} />
        {time !== 'off' && !phone && <span className={classes.time} data-mark>{formatLogTime(line.time, time)}</span>}
        {!phone && <span className={classes.level} data-mark={lead === '' || undefined}>{lead !== '' ? lead : fields ? line.level : ''}</span>}
        <span className={classes.text}>
          {time !== 'off' && phone && <span className={classes.inlineTime} data-mark>{formatLogTime(line.time, time, false)} </span>}
          {line.stream === 2 && <span className={classes.stderr} data-mark>{words.stderr}</span>}
          {fields && (
            <button type="button" className={classes.toggle} aria-label={words.openJson} aria-expanded={open} onClick={() => onJson(line.seq, line.text)}>
              <ChevronRight aria-hidden />
            </button>
          )}
          {paint(parts, hitRanges(plain, search), lead.length, breaks, current)}
        </span>
      </div>
      {open && fields && (
        <div className={classes.json} style={{ height: (fields.length + 1) * 18 }} data-level={line.level ?? undefined}>
          <span className={classes.bar} />
          <div className={classes.fields}>
            <span className={classes.acts}>
              <CopyButton text={JSON.stringify(Object.fromEntries(fields), null, 2)} label={words.json.copy} icon />
            </span>
            {fields.map(([key, value]) => (
              <div key={key} className={classes.fieldRow}>
                <span className={classes.key}>{key}</span>
                <span className={classes.value}>{jsonValue(value)}</span>
              </div>
            ))}
          </div>
        </div>
      )}
    </>
  );
}

/** Slots are reused, so a row is drawn anew only when its line or the way it is shown has changed. */
export const LogRow = memo(Row, (a, b) => a.line.seq === b.line.seq && !a.line.note && !b.line.note && a.search === b.search && a.time === b.time && a.phone === b.phone && a.wrap === b.wrap && a.current === b.current && a.open === b.open);

