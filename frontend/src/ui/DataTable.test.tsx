import { MantineProvider } from '@mantine/core';
import { render, screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { DataTable } from './DataTable';

/** As pages do it: the columns are made anew with every render. */
function Page({ checked }: { checked: boolean }) {
  return (
    <MantineProvider>
      <DataTable
        label="things"
        rows={['a']}
        rowKey={(row) => row}
        columns={[{ id: 'select', header: () => <input type="checkbox" aria-label="all" checked={checked} readOnly />, cell: ({ row }) => row.original }]}
        phoneRow={(row) => row}
      />
    </MantineProvider>
  );
}

describe('DataTable', () => {
  it('keeps what is on screen when its columns are made anew: an open menu or a focus in it must not be thrown away', () => {
    const { rerender } = render(<Page checked={false} />);
    const before = screen.getByLabelText('all');
    before.focus();
    rerender(<Page checked />);
    expect(screen.getByLabelText<HTMLInputElement>('all').checked).toBe(true);
    expect(screen.getByLabelText('all')).toBe(before);
    expect(document.activeElement).toBe(before);
  });
});
