/** True below 720 px, where the rail becomes tabs and tables become two-line rows. */
import { useSyncExternalStore } from 'react';

const query = typeof window.matchMedia === 'function' ? window.matchMedia('(max-width: 720px)') : null;

export function usePhone(): boolean {
  return useSyncExternalStore(
    (listener) => {
      query?.addEventListener('change', listener);
      return () => query?.removeEventListener('change', listener);
    },
    () => query?.matches ?? false,
  );
}
