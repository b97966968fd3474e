/** Which columns this browser shows, and how dense. */
import type { VisibilityState } from '@tanstack/react-table';
import { useState } from 'react';
import { readStored, writeStored } from '@/lib/stored';
import { containers as words } from '@/messages';

export const optionalColumns = [
  ['state', words.column.state],
  ['health', words.column.health],
  ['image', words.column.image],
  ['host', words.column.host],
  ['ports', words.column.ports],
  ['cpu', words.column.cpu],
  ['memory', words.column.memory],
  ['created', words.column.created],
  ['restarts', words.column.restarts],
  ['project', words.column.project],
  ['networks', words.column.networks],
  ['command', words.column.command],
  ['id', words.column.id],
] as const;

export type ColumnName = (typeof optionalColumns)[number][0];
export type Density = 'dense' | 'roomy';

const HIDDEN_AT_FIRST: readonly ColumnName[] = ['restarts', 'project', 'networks', 'command', 'id'];
const STORE = 'mooring-container-columns';
const DENSITY_STORE = 'mooring-density';

export interface ColumnChoice {
  visibility: VisibilityState;
  density: Density;
  toggle: (column: ColumnName) => void;
  setDensity: (density: Density) => void;
}

export const readDensity = (): Density => (readStored(DENSITY_STORE) === 'roomy' ? 'roomy' : 'dense');
export const writeDensity = (density: Density): void => writeStored(DENSITY_STORE, density);

export function useColumnChoice(): ColumnChoice {
  const [hidden, setHidden] = useState<readonly string[]>(() => readStored(STORE)?.split(',') ?? HIDDEN_AT_FIRST);
  const [density, setDensity] = useState(readDensity);
  return {
    visibility: Object.fromEntries(optionalColumns.map(([name]) => [name, !hidden.includes(name)])),
    density,
    toggle: (column) => {
      const next = hidden.includes(column) ? hidden.filter((name) => name !== column) : [...hidden, column];
      setHidden(next);
      writeStored(STORE, next.join(','));
    },
    setDensity: (next) => {
      setDensity(next);
      writeDensity(next);
    },
  };
}
