/**
 * Our table: TanStack Table for columns and order, a virtual window over the rows, a cursor for the keyboard, and a
 * two-line list on a phone. Rows are sorted by the caller or by a click on a head; filtering happens before it gets here.
 */
import { getCoreRowModel, getSortedRowModel, useReactTable, type ColumnDef, type SortingState, type VisibilityState } from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { useEffect, useRef, useState, type CSSProperties, type ReactNode, type RefObject } from 'react';
import { useHotkeys } from '@/lib/hotkeys';
import { usePhone } from '@/lib/useMedia';
import { rowHeights } from '@/theme/tokens';
import { cx } from './cx';
import classes from './DataTable.module.css';

declare module '@tanstack/react-table' {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- the type parameters are TanStack's
  interface ColumnMeta<TData, TValue> {
    width?: number;
    align?: 'right';
    className?: string | undefined;
    /** Name in the column menu when the head is not plain text. */
    label?: string;
  }
}

export type Column<T> = ColumnDef<T>;

export interface TableProps<T> {
  label: string;
  rows: readonly T[];
  columns: Column<T>[];
  rowKey: (row: T) => string;
  /** Data attributes by state; styles in DataTable.module.css know stale, selected, current. */
  rowState?: (row: T) => { stale?: boolean; selected?: boolean; current?: boolean };
  /** A line above this row, e.g. why the following rows are hatched. */
  rowNote?: (row: T, previous: T | undefined) => ReactNode;
  /** A panel below the row. */
  rowDetail?: (row: T) => ReactNode;
  onOpen?: (row: T) => void;
  /** Keys that act on the row under the cursor. */
  rowKeys?: Record<string, (row: T) => void>;
  phoneRow: (row: T) => ReactNode;
  sorting?: SortingState;
  onSortingChange?: (next: SortingState) => void;
  visibility?: VisibilityState;
  height?: 'dense' | 'roomy' | 'tall';
  footer?: ReactNode;
  /** Room at the end for a bar that floats over the table. */
  padEnd?: boolean;
  empty?: ReactNode;
}

/**
 * A head or a cell. Called, not mounted: columns are made anew when what they show changes, and a new function would be a
 * new component to React, so that every cell, open menu and focus in it would be thrown away and built again.
 */
function drawn<C>(part: ((context: C) => unknown) | string | undefined, context: C): ReactNode {
  return (typeof part === 'function' ? part(context) : part) as ReactNode;
}

export function DataTable<T>(props: TableProps<T>) {
  const phone = usePhone();
  const { rows, columns, rowKey, sorting, onSortingChange, visibility, height = 'dense', empty, footer, padEnd = false } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [ownSorting, setOwnSorting] = useState<SortingState>([]);
  const activeSorting = sorting ?? ownSorting;
  // eslint-disable-next-line react-hooks/incompatible-library -- TanStack Table's functions are not memoisable; nothing here relies on it
  const table = useReactTable<T>({
    data: rows as T[],
    columns,
    state: { sorting: activeSorting, ...(visibility ? { columnVisibility: visibility } : {}) },
    getRowId: rowKey,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    enableSortingRemoval: true,
    onSortingChange: (update) => {
      const next = typeof update === 'function' ? update(activeSorting) : update;
      (onSortingChange ?? setOwnSorting)(next);
    },
  });
  const sorted = table.getRowModel().rows;
  const head = table.getHeaderGroups()[0];
  const [cursor, setCursor] = useState<string | null>(null);
  const rowHeight = phone ? rowHeights.touch : rowHeights[height];
  const virtual = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    getItemKey: (index) => sorted[index]?.id ?? index,
  });
  useEffect(() => {
    virtual.measure();
  }, [rowHeight, virtual]);

  const cursorIndex = sorted.findIndex((row) => row.id === cursor);
  const move = (by: number) => {
    const next = Math.max(0, Math.min(sorted.length - 1, cursorIndex + by));
    const row = sorted[next];
    if (!row) return;
    setCursor(row.id);
    virtual.scrollToIndex(next);
  };
  const withCursor = (act: (row: T) => void) => () => {
    const row = sorted[cursorIndex];
    if (row) act(row.original);
  };
  useHotkeys({
    j: () => move(1),
    k: () => move(-1),
    ...(props.onOpen ? { Enter: withCursor(props.onOpen) } : {}),
    ...Object.fromEntries(Object.entries(props.rowKeys ?? {}).map(([key, act]) => [key, withCursor(act)])),
  });

  if (sorted.length === 0 && empty) {
    return (
      <div className={classes.scroller}>
        {empty}
        {footer}
      </div>
    );
  }

  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items[items.length - 1]?.end ?? 0);
  const shared = { props, sorted, items, before, after, measure: virtual.measureElement };
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling area must be reachable by keyboard
    <div ref={scroller} className={cx(classes.scroller, padEnd && classes.padEnd)} tabIndex={0} role="region" aria-label={props.label}>
      {phone ? (
        <PhoneList {...shared} />
      ) : (
        <table className={cx(classes.table, classes[height])} aria-rowcount={sorted.length + 1}>
          <colgroup>
            {head?.headers.map((header) => (
              <col key={header.id} style={header.column.columnDef.meta?.width ? { width: header.column.columnDef.meta.width } : undefined} />
            ))}
          </colgroup>
          <thead>
            <tr aria-rowindex={1}>
              {head?.headers.map((header) => {
                const direction = header.column.getIsSorted();
                const meta = header.column.columnDef.meta;
                return (
                  <th
                    key={header.id}
                    scope="col"
                    className={cx(meta?.align === 'right' && classes.right, meta?.className)}
                    aria-sort={direction === 'asc' ? 'ascending' : direction === 'desc' ? 'descending' : undefined}
                  >
                    {header.column.getCanSort() && typeof header.column.columnDef.header === 'string' ? (
                      <button type="button" className={classes.sort} onClick={header.column.getToggleSortingHandler()}>
                        {header.column.columnDef.header}
                        {direction === 'asc' && <ArrowUp aria-hidden />}
                        {direction === 'desc' && <ArrowDown aria-hidden />}
                      </button>
                    ) : (
                      drawn(header.column.columnDef.header, header.getContext())
                    )}
                  </th>
                );
              })}
            </tr>
          </thead>
          <TableBody {...shared} columnCount={head?.headers.length ?? 1} cursor={cursor} onCursor={setCursor} />
        </table>
      )}
      {footer}
    </div>
  );
}

type SortedRow<T> = ReturnType<ReturnType<typeof useReactTable<T>>['getRowModel']>['rows'][number];

interface BodyProps<T> {
  props: TableProps<T>;
  sorted: SortedRow<T>[];
  items: { index: number; key: unknown }[];
  before: number;
  after: number;
  measure: (node: Element | null) => void;
}

/** A row with its note and its detail is one `tbody`, so that it is measured and moved as one. */
function TableBody<T>({ props, sorted, items, before, after, measure, columnCount, cursor, onCursor }: BodyProps<T> & { columnCount: number; cursor: string | null; onCursor: (id: string) => void }) {
  return (
    <>
      <Spacer height={before} columns={columnCount} />
      {items.map(({ index }) => {
        const row = sorted[index];
        if (!row) return null;
        const state = props.rowState?.(row.original) ?? {};
        const note = props.rowNote?.(row.original, sorted[index - 1]?.original);
        const detail = props.rowDetail?.(row.original);
        return (
          <tbody key={row.id} data-index={index} ref={measure}>
            {note && (
              <tr className={classes.note}>
                <td colSpan={columnCount}>{note}</td>
              </tr>
            )}
            <tr
              aria-rowindex={index + 2}
              data-stale={state.stale || undefined}
              data-selected={state.selected || state.current || undefined}
              data-cursor={row.id === cursor || undefined}
              onMouseDown={() => onCursor(row.id)}
            >
              {row.getVisibleCells().map((cell) => {
                const meta = cell.column.columnDef.meta;
                return (
                  <td key={cell.id} className={cx(meta?.align === 'right' && classes.right, meta?.className)}>
                    {drawn(cell.column.columnDef.cell, cell.getContext())}
                  </td>
                );
              })}
            </tr>
            {detail && (
              <tr className={classes.detail}>
                <td colSpan={columnCount}>{detail}</td>
              </tr>
            )}
          </tbody>
        );
      })}
      <Spacer height={after} columns={columnCount} />
    </>
  );
}

function Spacer({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tbody aria-hidden="true" className={classes.spacer}>
      <tr>
        <td colSpan={columns} style={{ height }} />
      </tr>
    </tbody>
  );
}

function PhoneList<T>({ props, sorted, items, before, after, measure }: BodyProps<T>) {
  return (
    <ul className={classes.list} style={{ '--before': `${before}px`, '--after': `${after}px` } as CSSProperties}>
      {items.map(({ index }) => {
        const row = sorted[index];
        if (!row) return null;
        const note = props.rowNote?.(row.original, sorted[index - 1]?.original);
        const state = props.rowState?.(row.original) ?? {};
        return (
          <li key={row.id} data-index={index} ref={measure} data-stale={state.stale || undefined} data-selected={state.selected || undefined}>
            {note && <div className={classes.phoneNote}>{note}</div>}
            {props.phoneRow(row.original)}
          </li>
        );
      })}
    </ul>
  );
}

/** Focus for `/`. */
export function useSlashFocus(target: RefObject<HTMLInputElement | null>): void {
  useHotkeys({
    '/': () => {
      target.current?.focus();
      target.current?.select();
    },
  });
}
