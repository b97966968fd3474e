/** What the tables of images, volumes and networks share: host, age, users, the menu of a row, and the row of a phone. */
import { ActionIcon, Menu } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Ellipsis } from 'lucide-react';
import type { ReactNode } from 'react';
import { formatAge, secondsSince } from '@/lib/format';
import { useNow } from '@/lib/now';
import { common, objects as words } from '@/messages';
import type { Column } from '@/ui/DataTable';
import list from './ObjectList.module.css';
import type { OfHost } from './SilentNote';

export function Age({ iso }: { iso: string | null }) {
  const seconds = secondsSince(iso, useNow());
  return <span className="muted">{seconds === null ? common.none : formatAge(seconds)}</span>;
}

export function hostColumn<T extends OfHost>(): Column<T> {
  return {
    id: 'host',
    header: words.column.host,
    accessorFn: (row) => row.host.name,
    meta: { width: 160 },
    cell: ({ row: { original } }) => (
      <Link to="/hosts" search={{ open: original.host.id }} className={list.host} title={original.host.name}>
        {original.host.name}
      </Link>
    ),
  };
}

export function createdColumn<T extends { created_at: string | null }>(): Column<T> {
  return { id: 'created', header: words.column.created, accessorFn: (row) => -Date.parse(row.created_at ?? ''), meta: { width: 96, align: 'right' }, cell: ({ row }) => <Age iso={row.original.created_at} /> };
}

/** The containers that use it, by name; the first is a link to it. */
export function usedByColumn<T extends OfHost & { used_by: readonly string[] }>(header: string, width: number): Column<T> {
  return {
    id: 'used',
    header,
    accessorFn: (row) => row.used_by.length,
    meta: { width },
    cell: ({ row: { original } }) => {
      const [first, ...others] = original.used_by;
      if (first === undefined) return <span className="muted">{words.notUsed}</span>;
      return (
        <span className="row" title={original.used_by.join(', ')}>
          <Link to="/containers" search={{ q: `name:${first}`, host: original.host.name }} className={list.host}>
            {first}
          </Link>
          {others.length > 0 && <span className="muted small">+{others.length}</span>}
        </span>
      );
    },
  };
}

function RowMenu({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon aria-label={common.moreActions(name)}>
          <Ellipsis aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  );
}

export function menuColumn<T>(nameOf: (row: T) => string, items: (row: T) => ReactNode): Column<T> {
  return {
    id: 'actions',
    enableSorting: false,
    meta: { width: 60, className: list.menu },
    header: () => <span className={list.hidden}>{words.column.actions}</span>,
    cell: ({ row }) => <RowMenu name={nameOf(row.original)}>{items(row.original)}</RowMenu>,
  };
}

interface PhoneRowProps {
  title: ReactNode;
  right: ReactNode;
  below: ReactNode;
  belowRight: ReactNode;
  name?: string;
  menu?: ReactNode;
}

export function PhoneRow({ title, right, below, belowRight, name = '', menu }: PhoneRowProps) {
  return (
    <div className={list.phone} data-menu={menu !== undefined || undefined}>
      <span className={list.phoneTitle}>{title}</span>
      <span className={list.phoneRight}>{right}</span>
      <span className="muted small ellipsis">{below}</span>
      <span className={`${list.phoneRight ?? ''} muted small`}>{belowRight}</span>
      {menu !== undefined && (
        <span className={list.phoneMenu}>
          <RowMenu name={name}>{menu}</RowMenu>
        </span>
      )}
    </div>
  );
}
