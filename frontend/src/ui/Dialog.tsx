/** Our modal. It is mounted only while it is open, so it brings the focus back itself when it goes. */
import { Modal, type ModalProps } from '@mantine/core';
import { useEffect, useState } from 'react';

/** What had the focus; for an item of a menu, which closes now, the button that opened it. */
function originOfFocus(): HTMLElement | null {
  const active = document.activeElement;
  const opener = active?.closest('[role=menu]')?.getAttribute('aria-labelledby');
  const origin = opener ? document.getElementById(opener) : active;
  return origin instanceof HTMLElement && origin !== document.body ? origin : null;
}

export function Dialog(props: Omit<ModalProps, 'opened' | 'returnFocus'>) {
  const [origin] = useState(originOfFocus);
  useEffect(
    () => () => {
      // After React has taken the dialog away, and only if nothing else took the focus meanwhile.
      setTimeout(() => {
        if (document.activeElement === document.body && origin?.isConnected) origin.focus();
      });
    },
    [origin],
  );
  return <Modal {...props} opened returnFocus={false} />;
}
