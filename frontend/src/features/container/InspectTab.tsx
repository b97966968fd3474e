/** The engine's own inspect answer, with a search that keeps the matching paths. */
import { Search } from 'lucide-react';
import { useDeferredValue, useMemo, useState } from 'react';
import { common, container as words } from '@/messages';
import { CopyButton } from '@/ui/CopyButton';
import { Empty } from '@/ui/Empty';
import classes from './InspectTab.module.css';
import { useContainer } from './useContainer';

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

function Coloured({ line, find }: { line: string; find: string }) {
  const parts: { text: string; kind: string }[] = [];
  let at = 0;
  for (const match of line.matchAll(TOKEN)) {
    if (match.index > at) parts.push({ text: line.slice(at, match.index), kind: '' });
    parts.push({ text: match[0], kind: match[2] ? 'key' : match[1] ? 'string' : match[3] ? 'literal' : 'number' });
    at = match.index + match[0].length;
  }
  parts.push({ text: line.slice(at), kind: '' });
  return parts.map((part, index) => {
    const hit = find === '' ? -1 : part.text.toLowerCase().indexOf(find);
    return (
      <span key={index} className={part.kind ? classes[part.kind] : undefined}>
        {hit < 0 ? (
          part.text
        ) : (
          <>
            {part.text.slice(0, hit)}
            <mark className={classes.hit}>{part.text.slice(hit, hit + find.length)}</mark>
            {part.text.slice(hit + find.length)}
          </>
        )}
      </span>
    );
  });
}

/** Keeps lines that match and the lines that open the objects they are in. */
export function matchingLines(lines: readonly string[], find: string): string[] {
  if (find === '') return [...lines];
  const kept = new Set<number>();
  const parents: { indent: number; at: number }[] = [];
  lines.forEach((line, at) => {
    const indent = line.length - line.trimStart().length;
    while ((parents[parents.length - 1]?.indent ?? -1) >= indent) parents.pop();
    if (line.toLowerCase().includes(find)) {
      kept.add(at);
      for (const parent of parents) kept.add(parent.at);
    }
    if (/[[{]$/.test(line)) parents.push({ indent, at });
  });
  return lines.filter((_line, at) => kept.has(at));
}

export function InspectTab() {
  const container = useContainer();
  const [typed, setTyped] = useState('');
  const find = useDeferredValue(typed.trim().toLowerCase());
  const text = useMemo(() => JSON.stringify(container.inspect, null, 2), [container.inspect]);
  const lines = useMemo(() => matchingLines(text.split('\n'), find), [text, find]);
  if (container.inspect === null) {
    return <Empty title={common.notKnown}><p>{words.hostSilent(container.host.name, common.none)}</p></Empty>;
  }
  return (
    <>
      <div className={classes.bar}>
        <div className={classes.find}>
          <Search aria-hidden />
          <input aria-label={words.inspectFilter} placeholder={words.inspectFilter} value={typed} onChange={(event) => setTyped(event.target.value)} spellCheck={false} autoComplete="off" />
          <span className="muted small num" role="status">
            {words.inspectLines(lines.length)}
          </span>
        </div>
        <CopyButton text={text} label={words.inspectCopy} />
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard */}
      <pre className={classes.code} tabIndex={0} role="region" aria-label={words.tabs.inspect}>
        {lines.map((line, index) => (
          <div key={index}>
            <Coloured line={line} find={find} />
          </div>
        ))}
      </pre>
    </>
  );
}
