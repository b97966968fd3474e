/** One banner when live updates stop. The page stays as it is; durations that depend on events are the server's last word. */
import { useEffect, useRef } from 'react';
import { retryLinkNow, useLink } from '@/lib/live/events';
import { useNow } from '@/lib/now';
import { shell, state } from '@/messages';
import { LinkGlyph } from '@/ui/Mark';
import { showToast } from '@/ui/toasts';
import classes from './LostBanner.module.css';

/** A blink of the link is not worth a banner. */
const PATIENCE_MS = 4000;
const EXPLAIN_MS = 120_000;

export function LostBanner() {
  const link = useLink();
  const now = useNow();
  const shown = link.state === 'lost' && link.lostAt !== null && now - link.lostAt > PATIENCE_MS;
  const was = useRef(false);
  useEffect(() => {
    if (was.current && link.state === 'live') showToast({ tone: 'ok', title: shell.caughtUp });
    was.current = shown;
  }, [shown, link.state]);
  if (!shown) return null;
  const seconds = Math.ceil(((link.retryAt ?? now) - now) / 1000);
  return (
    <div className={classes.banner} role="alert">
      <LinkGlyph up={false} label={state.linkLost} />
      <span className="grow">
        {seconds > 0 ? shell.lostBanner(seconds) : shell.lostNow} {link.lostAt !== null && now - link.lostAt > EXPLAIN_MS && shell.lostWhy}
      </span>
      <button type="button" className="link" onClick={retryLinkNow}>
        {shell.tryNow}
      </button>
    </div>
  );
}
