/**
 * The page's nonce, given to everything that makes a `<style>` at run time: Mantine (through the provider), its scroll
 * lock (get-nonce), and xterm.js, which knows no nonce and is served by wrapping `createElement` once.
 */
import { setNonce } from 'get-nonce';

export const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';

export function giveNonceToStyles(): void {
  if (nonce === '') return;
  setNonce(nonce);
  /* eslint-disable @typescript-eslint/no-deprecated -- the overloads for obsolete elements come with the name */
  const create: (name: string, options?: ElementCreationOptions) => HTMLElement = document.createElement.bind(document);
  const withNonce = (name: string, options?: ElementCreationOptions) => {
    const element = create(name, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  };
  Object.assign(document, { createElement: withNonce });
  /* eslint-enable @typescript-eslint/no-deprecated */
}
