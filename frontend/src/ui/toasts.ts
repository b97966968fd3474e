/** Results, said once and briefly; errors stay until they are closed. Never the only record: the job list is that. */
import { useSyncExternalStore } from 'react';

export interface Toast {
  id: number;
  /** `work`: begun, and not yet known how it ends. */
  tone: 'ok' | 'work' | 'warn' | 'bad';
  title: string;
  detail?: string;
  link?: { to: string; label: string };
}

const SHOWN_MS = 6000;
let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function publish(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

export function dismissToast(id: number): void {
  publish(toasts.filter((toast) => toast.id !== id));
}

/** Shows it, and returns the id by which it can be taken away. */
export function showToast(toast: Omit<Toast, 'id'>): number {
  const id = nextId++;
  publish([...toasts.slice(-3), { ...toast, id }]);
  if (toast.tone === 'ok' || toast.tone === 'work') setTimeout(() => dismissToast(id), SHOWN_MS);
  return id;
}

export function useToasts(): readonly Toast[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
}
