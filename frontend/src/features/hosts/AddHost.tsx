/** The add-host panel: one line to run, then its steps as they happen, each failure named with its way out. */
import { ActionIcon, Button, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { asProblem, post } from '@/lib/api/client';
import { enrolmentQuery } from '@/lib/api/queries';
import type { Enrolment, EnrolmentStep } from '@/lib/api/types';
import { formatDuration, formatTime } from '@/lib/format';
import type { GlyphName, Tone } from '@/lib/state';
import { common, hosts as words } from '@/messages';
import { Codebox } from '@/ui/Codebox';
import { Glyph } from '@/ui/Glyph';
import { Problem } from '@/ui/Problem';
import classes from './AddHost.module.css';

const POLL_MS = 2000;

export function AddHost({ onClose, now, onOpenHost }: { onClose: () => void; now: number; onOpenHost: (id: string) => void }) {
  const panel = useRef<HTMLElement>(null);
  const [name, setName] = useState('');
  const create = useMutation({ mutationFn: () => post<Enrolment>('/enrolments', name ? { name } : {}) });
  const enrolment = create.data;
  useEffect(() => {
    panel.current?.querySelector('input')?.focus();
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && panel.current?.contains(document.activeElement)) onClose();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [onClose]);
  return (
    <aside className={classes.panel} aria-label={words.add} ref={panel}>
      <header>
        <h2>{words.add}</h2>
        <ActionIcon onClick={onClose} aria-label={common.close}>
          <X aria-hidden />
        </ActionIcon>
      </header>
      <div className={classes.body}>
        <form
          className={classes.form}
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate();
          }}
        >
          <TextInput label={`${words.name} (${words.nameOptional})`} description={words.nameHint} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="off" spellCheck={false} />
          <Button type="submit" variant={enrolment ? 'default' : 'filled'} size="md" disabled={create.isPending}>
            {enrolment ? words.newToken : words.makeLine}
          </Button>
        </form>
        {create.error && <Problem title={asProblem(create.error).what} problem={asProblem(create.error)} />}
        {enrolment && <Joining key={enrolment.id} enrolment={enrolment} now={now} onOpenHost={onOpenHost} />}
      </div>
      <footer>{words.canClose}</footer>
    </aside>
  );
}

/** The line with address and token told apart. */
function Line({ command, token }: { command: string; token: string }) {
  const parts = command.split(new RegExp(`(https?://[^\\s)]+|${token.replace(/[^\w-]/g, '\\$&')})`));
  return parts.map((part, index) => (
    <span key={index} className={part === token ? classes.token : /^https?:/.test(part) ? classes.address : undefined}>
      {part}
    </span>
  ));
}

const stepWords: Record<EnrolmentStep['step'], { title: string; todo: string }> = {
  token: { title: 'Line is ready', todo: 'Line is ready' },
  enrolled: { title: 'Agent contacted Mooring', todo: 'Agent contacts Mooring' },
  linked: { title: 'Linked: one outbound connection, no port opened', todo: 'Outbound link' },
  checked: { title: 'Engine and kernel checked', todo: 'Engine and kernel check' },
};

function Joining({ enrolment, now, onOpenHost }: { enrolment: Enrolment; now: number; onOpenHost: (id: string) => void }) {
  const [startedAt] = useState(() => Date.now());
  const { data } = useQuery({ ...enrolmentQuery(enrolment.id), refetchInterval: POLL_MS });
  const left = (Date.parse(enrolment.expires_at) - now) / 1000;
  const expired = data?.state === 'expired' || left <= 0;
  const host = data?.host;
  const steps = data?.steps ?? [];
  const ready = data?.state === 'used' && steps.length > 0 && steps.every((step) => step.ok !== null);
  const firstOpen = steps.findIndex((step) => step.ok === null);
  return (
    <>
      <h3 className={classes.title}>{words.runThis}</h3>
      <Codebox copy={enrolment.command} copyLabel={words.copyLine} label={words.runThis}>
        <Line command={enrolment.command} token={enrolment.token} />
      </Codebox>
      <p className={classes.hint}>{words.fetcher}</p>
      <p className={classes.hint}>{expired && data?.state !== 'used' ? words.expired : words.worksOnce(formatTime(enrolment.expires_at, now, false), formatDuration(Math.floor(left)))}</p>
      <div className={classes.waiting}>
        <h3>{ready && host ? words.joined(host.name) : words.waiting}</h3>
        {!ready && <span className="muted num">{formatDuration(Math.floor((now - startedAt) / 1000))}</span>}
      </div>
      <ol className={classes.steps} aria-live="polite">
        {steps.map((step, index) => {
          const current = index === firstOpen && !expired;
          const [glyph, tone]: [GlyphName, Tone] = step.ok === true ? ['ok', 'ok'] : step.ok === false ? (step.step === 'checked' ? ['warn', 'warn'] : ['bad', 'bad']) : current ? ['work', 'work'] : ['idle', 'idle'];
          return (
            <li key={step.step} data-todo={step.ok === null || undefined} data-strong={step.ok === false || undefined}>
              <Glyph name={glyph} tone={tone} />
              <div>
                {step.ok === null ? stepWords[step.step].todo : stepWords[step.step].title}
                {step.detail && step.step !== 'token' && <div className={classes.detail}>{step.detail}</div>}
                {current && index <= 1 && <div className={classes.detail}>{words.stepWaiting}</div>}
              </div>
            </li>
          );
        })}
        <li data-todo={!ready || undefined}>
          <Glyph name={ready ? 'ok' : 'idle'} tone={ready ? 'ok' : 'idle'} />
          <div>
            {words.readyStep}
            <div className={classes.detail}>{words.readyText}</div>
          </div>
        </li>
      </ol>
      {ready && host && (
        <Button variant="filled" onClick={() => onOpenHost(host.id)}>
          {words.openHost}
        </Button>
      )}
    </>
  );
}
