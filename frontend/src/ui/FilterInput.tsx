/** The filter box: coloured while typing, remembers itself in the URL after a pause, says what it could not read. */
import { Search } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { parseTerms } from '@/lib/filter';
import { common } from '@/messages';
import { useSlashFocus } from './DataTable';
import classes from './FilterInput.module.css';

const WRITE_MS = 400;

interface Props {
  label: string;
  placeholder: string;
  value: string;
  /** Called with each key, for the list. */
  onInput: (value: string) => void;
  /** Called after a pause, for the URL (one history entry, not one for each key). */
  onSettled: (value: string) => void;
  count: string;
  problems: readonly string[];
}

export function FilterInput({ label, placeholder, value, onInput, onSettled, count, problems }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const shade = useRef<HTMLSpanElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [focused, setFocused] = useState(false);
  useSlashFocus(input);
  useEffect(() => () => clearTimeout(timer.current), []);
  const change = (next: string) => {
    onInput(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onSettled(next), WRITE_MS);
  };
  return (
    <div className={classes.field} data-problem={problems.length > 0 || undefined}>
      <Search aria-hidden className={classes.icon} />
      <span className={classes.stack}>
        <span className={classes.shade} ref={shade} aria-hidden="true">
          <Coloured query={value} problems={problems} />
        </span>
        <input
          ref={input}
          type="text"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          aria-label={label}
          placeholder={placeholder}
          value={value}
          onChange={(event) => change(event.target.value)}
          onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
          onScroll={(event) => {
            if (shade.current) shade.current.style.transform = `translateX(${-event.currentTarget.scrollLeft}px)`;
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return;
            if (value === '') event.currentTarget.blur();
            else change('');
          }}
        />
      </span>
      <span className={classes.count} role="status">
        {count}
      </span>
      {!focused && value === '' && <kbd className="desk">/</kbd>}
      {focused && (
        <div className={classes.help}>
          {problems.length > 0 ? <span className="bad">{common.filterError(problems.join(' '))}</span> : common.filterHint.map((hint) => <span key={hint}>{hint}</span>)}
        </div>
      )}
    </div>
  );
}

function Coloured({ query, problems }: { query: string; problems: readonly string[] }) {
  const parts: { text: string; kind: string }[] = [];
  let at = 0;
  for (const term of parseTerms(query)) {
    const start = query.indexOf(term.raw, at);
    if (start > at) parts.push({ text: query.slice(at, start), kind: '' });
    at = start + term.raw.length;
    if (problems.includes(term.raw)) {
      parts.push({ text: term.raw, kind: 'problem' });
      continue;
    }
    const body = term.negated ? term.raw.slice(1) : term.raw;
    if (term.negated) parts.push({ text: '-', kind: 'not' });
    const split = term.field === null ? 0 : body.indexOf(':') + 1;
    if (split > 0) parts.push({ text: body.slice(0, split), kind: 'name' });
    parts.push({ text: body.slice(split), kind: '' });
  }
  parts.push({ text: query.slice(at), kind: '' });
  return parts.map((part, index) => (
    <span key={index} className={part.kind ? classes[part.kind] : undefined}>
      {part.text}
    </span>
  ));
}
