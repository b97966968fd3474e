import { Modal } from '@mantine/core';
import { useState } from 'react';
import { setSingleKeys, singleKeysOn } from '@/lib/hotkeys';
import { common, shell } from '@/messages';
import classes from './KeysDialog.module.css';

export function KeysDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [on, setOn] = useState(singleKeysOn);
  return (
    <Modal opened={opened} onClose={onClose} title={shell.keysTitle} withCloseButton closeButtonProps={{ 'aria-label': common.close }}>
      <dl className={classes.keys}>
        {shell.keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              {key.split(' ').map((part) => (
                <kbd key={part}>{part}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <label className={classes.switch}>
        <input
          type="checkbox"
          className="checkbox"
          checked={on}
          onChange={(event) => {
            setOn(event.target.checked);
            setSingleKeys(event.target.checked);
          }}
        />
        <span>
          {shell.keysSwitch}
          <span className={classes.hint}>{shell.keysSwitchHint}</span>
        </span>
      </label>
    </Modal>
  );
}
