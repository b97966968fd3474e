/** Single keys and two-key sequences for the page. They rest while somebody types, and can be switched off (WCAG 2.1.4). */
import { useEffect, useRef } from 'react';
import { readStored, writeStored } from './stored';

const SEQUENCE_MS = 900;
const STORE = 'mooring-single-keys';

export const singleKeysOn = (): boolean => readStored(STORE) !== 'off';
export const setSingleKeys = (on: boolean): void => writeStored(STORE, on ? 'on' : 'off');

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName) || target.closest('[data-no-keys], [role="dialog"], [role="menu"]') !== null;
}

/** Handlers by key: "j", "?", "g c" (a sequence), "mod+k" (Ctrl or Command, also while typing). */
export function useHotkeys(handlers: Record<string, (event: KeyboardEvent) => void>): void {
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useEffect(() => {
    let prefix = '';
    let prefixAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (event.ctrlKey || event.metaKey) {
        const handler = latest.current[`mod+${key}`];
        if (handler && !event.altKey && !(event.target instanceof HTMLElement && event.target.closest('[data-terminal]'))) {
          event.preventDefault();
          handler(event);
        }
        return;
      }
      if (event.altKey || typing(event.target) || !singleKeysOn()) return;
      const sequence = event.timeStamp - prefixAt < SEQUENCE_MS && prefix !== '' ? `${prefix} ${key}` : key;
      const handler = latest.current[sequence] ?? latest.current[key];
      if (Object.keys(latest.current).some((name) => name.startsWith(`${key} `)) && !latest.current[sequence]) {
        prefix = key;
        prefixAt = event.timeStamp;
        return;
      }
      prefix = '';
      if (handler) {
        event.preventDefault();
        handler(event);
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
