/**
 * The question before a destructive act: names what is lost, the final button repeats the act, the other says "Keep".
 * Where data goes for good the name has to be typed.
 */
import { Button, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { common } from '@/messages';
import { Dialog } from './Dialog';
import classes from './Confirm.module.css';
import { Glyph } from './Glyph';

export interface Lost {
  key: string;
  icon?: ReactNode;
  text: string;
  right: string;
}

interface Props {
  title: string;
  text: ReactNode;
  lost?: readonly Lost[];
  button: string;
  danger?: boolean;
  /** The name that must be typed, for acts that lose data. */
  typed?: string;
  refused?: string | null;
  busy?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children?: ReactNode;
}

const LOST_SHOWN = 8;

export function Confirm({ title, text, lost = [], button, danger = true, typed, refused = null, busy = false, onConfirm, onClose, children }: Props) {
  const [name, setName] = useState('');
  const ready = typed === undefined || name === typed;
  return (
    <Dialog onClose={onClose} title={title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) onConfirm();
        }}
      >
        <p>{text}</p>
        {lost.length > 0 && (
          <ul className={classes.lost}>
            {lost.slice(0, LOST_SHOWN).map((item) => (
              <li key={item.key}>
                {item.icon}
                <span className="ellipsis">{item.text}</span>
                <span className={classes.right}>{item.right}</span>
              </li>
            ))}
            {lost.length > LOST_SHOWN && <li className="muted">+{lost.length - LOST_SHOWN}</li>}
          </ul>
        )}
        {children}
        {typed !== undefined && <TextInput label={common.confirmName(typed)} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="off" spellCheck={false} data-autofocus />}
        {refused && (
          <p className={classes.refused} role="alert">
            <Glyph name="bad" /> {refused}
          </p>
        )}
        <div className={classes.acts}>
          <Button onClick={onClose}>{common.keep}</Button>
          <Button type="submit" variant="filled" data-danger={danger || undefined} disabled={!ready || busy} {...(typed === undefined ? { 'data-autofocus': true } : {})}>
            {button}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
