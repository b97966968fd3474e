import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Act } from '@/features/containers/actions';
import type { Container } from '@/lib/api/types';
import { common, containers as words, run } from '@/messages';
import { Dialog } from '@/ui/Dialog';
import classes from '@/ui/Confirm.module.css';

/** Docker's rule for names. */
export const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export function RenameDialog({ container, act, onClose }: { container: Container; act: Act; onClose: () => void }) {
  const [name, setName] = useState(container.name);
  const bad = name !== '' && !NAME.test(name);
  return (
    <Dialog onClose={onClose} title={words.renameTitle(container.name)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
          void act('rename', [container], { name });
        }}
      >
        <TextInput label={words.renameLabel} value={name} onChange={(event) => setName(event.currentTarget.value)} error={bad ? run.check.badName : null} autoComplete="off" spellCheck={false} data-autofocus />
        <div className={classes.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={bad || name === '' || name === container.name}>
            {words.renameButton}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
