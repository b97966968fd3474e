/** The text of a filter box that lives in the address: typed at once, written after a pause, followed when it changes. */
import { useDeferredValue, useState } from 'react';

export interface FilterText {
  text: string;
  /** For the list: may lag behind the keys by a frame or two. */
  deferred: string;
  set: (text: string) => void;
  props: { value: string; onInput: (text: string) => void; onSettled: (text: string) => void };
}

export function useFilterText(inUrl: string | undefined, write: (text: string | undefined) => void): FilterText {
  const address = inUrl ?? '';
  const [state, setState] = useState({ address, text: address });
  if (state.address !== address) setState({ address, text: address });
  const settle = (text: string) => {
    setState({ address: text, text });
    write(text || undefined);
  };
  return {
    text: state.text,
    deferred: useDeferredValue(state.text),
    set: settle,
    props: { value: state.text, onInput: (text) => setState((old) => ({ ...old, text })), onSettled: settle },
  };
}
