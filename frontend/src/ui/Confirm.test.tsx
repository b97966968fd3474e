import { MantineProvider } from '@mantine/core';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { Confirm } from './Confirm';

function show(props: Partial<Parameters<typeof Confirm>[0]> = {}) {
  const onConfirm = vi.fn();
  const onClose = vi.fn();
  render(
    <MantineProvider env="test">
      <Confirm title="Delete volume media?" text="Gone for good." button="Delete 18.2 GiB" onConfirm={onConfirm} onClose={onClose} {...props} />
    </MantineProvider>,
  );
  return { onConfirm, onClose, user: userEvent.setup() };
}

describe('the question before a destructive act', () => {
  it('repeats the act on its button and keeps on the other', async () => {
    const { onConfirm, onClose, user } = show();
    await user.click(screen.getByRole('button', { name: 'Keep' }));
    expect(onClose).toHaveBeenCalledOnce();
    await user.click(screen.getByRole('button', { name: 'Delete 18.2 GiB' }));
    expect(onConfirm).toHaveBeenCalledOnce();
  });

  it('waits for the typed name where data goes', async () => {
    const { onConfirm, user } = show({ typed: 'media' });
    const button = screen.getByRole('button', { name: 'Delete 18.2 GiB' });
    const input = screen.getByLabelText('Type media to confirm');
    await user.type(input, 'medi{Enter}');
    expect((button as HTMLButtonElement).disabled).toBe(true);
    expect(onConfirm).not.toHaveBeenCalled();
    await user.type(input, 'a{Enter}');
    expect(onConfirm).toHaveBeenCalledOnce();
  });

  it('names what is lost and why it was refused', () => {
    show({ lost: [{ key: 'a', text: 'media', right: '18.2 GiB' }], refused: 'web uses it' });
    expect(screen.getByText('media')).toBeDefined();
    expect(screen.getByRole('alert').textContent).toContain('web uses it');
  });
});
