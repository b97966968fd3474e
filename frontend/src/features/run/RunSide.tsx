/** Beside the form: where it runs with reasons, the equal command (which can be edited), and the checks. */
import { Button, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { Host, Image } from '@/lib/api/types';
import { formatPercent, formatTime } from '@/lib/format';
import { useNow } from '@/lib/now';
import { isSilent } from '@/lib/state';
import { common, containers as listWords, run as words } from '@/messages';
import { Codebox } from '@/ui/Codebox';
import { Glyph } from '@/ui/Glyph';
import { commandLines, commandText, parseCommand } from './command';
import type { Check, RunForm } from './form';
import classes from './RunPage.module.css';

interface Props {
  form: RunForm;
  hosts: readonly Host[];
  images: readonly Image[];
  checks: readonly Check[];
  onHost: (id: string) => void;
  onForm: (form: RunForm) => void;
}

function CheckGlyph({ ok, asked }: { ok: boolean; asked: boolean }) {
  const name = ok ? 'ok' : asked ? 'bad' : 'idle';
  return <Glyph name={name} tone={name} />;
}

export function RunSide({ form, hosts, images, checks, onHost, onForm }: Props) {
  const now = useNow();
  const [text, setText] = useState<string | null>(null);
  const [unknown, setUnknown] = useState<string[]>([]);
  const lines = commandLines(form, true);
  const command = commandText(lines);
  const reason = (host: Host): string => {
    const r = words.placeReason;
    if (host.state === 'unknown') return r.silent(formatTime(host.last_seen_at ?? host.since, now, false));
    if (host.state === 'offline') return r.offline;
    if (host.state === 'pending') return r.pending;
    if (!host.schedulable) return r.cordoned;
    if (host.state === 'degraded') return host.findings[0]?.title ?? r.degraded;
    return images.some((image) => image.host.id === host.id && image.tags.includes(form.image.trim())) ? r.hasImage : r.noImage;
  };
  const usable = (host: Host) => !isSilent(host) && host.state !== 'pending';
  const sorted = [...hosts].sort((a, b) => Number(usable(b)) - Number(usable(a)) || Number(b.id === form.host) - Number(a.id === form.host) || a.name.localeCompare(b.name));
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard
    <div className={classes.side} tabIndex={0} role="region" aria-label={words.same}>
      <h2>{words.where}</h2>
      <div className={classes.place} role="radiogroup" aria-label={listWords.column.host}>
        {sorted.map((host) => (
          <label key={host.id} data-on={host.id === form.host || undefined} data-off={!usable(host) || undefined}>
            <input type="radio" className="checkbox" name="host" value={host.id} checked={host.id === form.host} disabled={!usable(host)} onChange={() => onHost(host.id)} />
            <span className="ellipsis">{host.name}</span>
            <span className={`${classes.reason ?? ''} ellipsis`}>{reason(host)}</span>
            <span className="num">{usable(host) && host.cpu_percent !== null ? `${formatPercent(Math.round(host.cpu_percent))} ${listWords.column.cpu}` : ''}</span>
          </label>
        ))}
      </div>

      <div className={classes.sideHead}>
        <h2>{words.same}</h2>
        {text === null && (
          <Button size="xs" variant="subtle" onClick={() => setText(command)}>
            {words.edit}
          </Button>
        )}
      </div>
      {text === null ? (
        <Codebox copy={command} copyLabel={words.copyCommand} label={words.editLabel}>
          {lines.map((line, index) => (
            <span key={index}>
              {index > 0 && '  '}
              {line.flag && <span className={classes.flag}>{line.flag} </span>}
              {line.value}
              {index < lines.length - 1 && ' \\\n'}
            </span>
          ))}
        </Codebox>
      ) : (
        <>
          <Textarea aria-label={words.editLabel} classNames={{ input: classes.mono }} autosize={false} rows={Math.min(16, Math.max(6, text.split('\n').length + 1))} value={text} onChange={(event) => setText(event.currentTarget.value)} spellCheck={false} />
          <div className={classes.editActs}>
            <Button
              size="xs"
              variant="filled"
              onClick={() => {
                const parsed = parseCommand(text, form.host);
                onForm(parsed.form);
                setUnknown(parsed.unknown);
                setText(null);
              }}
            >
              {words.editDone}
            </Button>
            <Button size="xs" variant="subtle" onClick={() => setText(null)}>
              {common.cancel}
            </Button>
          </div>
        </>
      )}
      {unknown.length > 0 && (
        <p className={classes.unknown} role="alert">
          <Glyph name="warn" tone="warn" /> {words.notUnderstood(unknown)}
        </p>
      )}
      <p className={classes.hint}>{words.sameHint}</p>

      <h2 className={classes.beforeHead}>{words.before}</h2>
      <ul className={classes.checks}>
        {checks.map((check) => (
          <li key={check.key}>
            {/* An empty form is not wrong yet. */}
            <CheckGlyph ok={check.ok} asked={!(check.key === 'image' && form.image === '')} /> <span>{check.text}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
