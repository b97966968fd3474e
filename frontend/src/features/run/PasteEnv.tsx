import { Button, Textarea } from '@mantine/core';
import { useState } from 'react';
import { pairLines } from '@/lib/pairs';
import { common, run as words } from '@/messages';
import { Dialog } from '@/ui/Dialog';
import classes from '@/ui/Confirm.module.css';

export function PasteEnv({ onClose, onAdd }: { onClose: () => void; onAdd: (rows: [string, string][]) => void }) {
  const [text, setText] = useState('');
  const rows = pairLines(text);
  return (
    <Dialog onClose={onClose} title={words.pasteEnvTitle}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onAdd(rows);
          onClose();
        }}
      >
        <Textarea label={words.environment} description={words.pasteEnvText} rows={8} value={text} onChange={(event) => setText(event.currentTarget.value)} spellCheck={false} data-autofocus />
        <div className={classes.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={rows.length === 0}>
            {words.pasteEnvButton}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
