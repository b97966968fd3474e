import { ActionIcon } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { X } from 'lucide-react';
import { common } from '@/messages';
import { Glyph } from './Glyph';
import classes from './Toaster.module.css';
import { dismissToast, useToasts } from './toasts';

export function Toaster() {
  const toasts = useToasts();
  return (
    <div className={classes.stack} role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} className={classes.toast}>
          <Glyph name={toast.tone} tone={toast.tone} />
          <div className="grow">
            <div className={classes.title}>{toast.title}</div>
            {toast.detail && <div className={classes.detail}>{toast.detail}</div>}
          </div>
          {toast.link && (
            <Link to={toast.link.to} className="link nowrap" onClick={() => dismissToast(toast.id)}>
              {toast.link.label}
            </Link>
          )}
          <ActionIcon size={20} onClick={() => dismissToast(toast.id)} aria-label={common.dismiss}>
            <X aria-hidden />
          </ActionIcon>
        </div>
      ))}
    </div>
  );
}
