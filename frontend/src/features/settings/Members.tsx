import { Button, NativeSelect, PasswordInput, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { del, post, sayRefused } from '@/lib/api/client';
import { sessionQuery, usersQuery } from '@/lib/api/queries';
import type { Role, User } from '@/lib/api/types';
import { formatAge, secondsSince } from '@/lib/format';
import { useNow } from '@/lib/now';
import { common, settings, setup } from '@/messages';
import { Dialog } from '@/ui/Dialog';
import card from '@/ui/Card.module.css';
import confirm from '@/ui/Confirm.module.css';
import { Confirm } from '@/ui/Confirm';
import { QueryProblem } from '@/ui/Problem';
import classes from './SettingsPage.module.css';

const words = settings.members;

export function Members() {
  const { data: session } = useQuery(sessionQuery);
  const admin = session?.user.role === 'admin';
  const { data, error, refetch } = useQuery({ ...usersQuery, enabled: admin });
  const now = useNow();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<User | null>(null);
  if (!admin) return <p className="second">{words.onlyAdmin}</p>;
  return (
    <>
      <div className={classes.intro}>
        <p className="second">{words.intro}</p>
        <Button variant="filled" leftSection={<Plus aria-hidden />} onClick={() => setAdding(true)}>
          {words.add}
        </Button>
      </div>
      {error && <QueryProblem error={error} onRetry={() => void refetch()} />}
      {data && (
        <section className={`${card.card ?? ''} ${classes.wide ?? ''}`} aria-label={words.title}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">{words.username}</th>
                <th scope="col">{words.role}</th>
                <th scope="col" className="desk">{words.lastSeen}</th>
                <td />
              </tr>
            </thead>
            <tbody>
              {data.rows.map((user) => {
                const seconds = secondsSince(user.last_login, now);
                const self = user.id === session.user.id;
                return (
                  <tr key={user.id}>
                    <td>
                      <b className="strong">{user.username}</b> {self && <span className="muted">({words.you})</span>}
                    </td>
                    <td>{user.role === 'admin' ? words.admin : words.member}</td>
                    <td className="desk">{seconds === null ? common.none : common.ago(formatAge(seconds))}</td>
                    <td>
                      {!self && (
                        <Button size="xs" data-danger onClick={() => setRemoving(user)}>
                          {words.remove}
                        </Button>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </section>
      )}
      {adding && <AddMember onClose={() => setAdding(false)} />}
      {removing && <RemoveMember user={removing} onClose={() => setRemoving(null)} />}
    </>
  );
}

function AddMember({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>('member');
  const create = useMutation({
    mutationFn: () => post<User>('/users', { username, password, role }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['users'] });
      onClose();
    },
  });
  return (
    <Dialog onClose={onClose} title={words.add}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <TextInput label={words.username} value={username} onChange={(event) => setUsername(event.currentTarget.value)} autoComplete="off" spellCheck={false} data-autofocus />
        <PasswordInput label={words.password} description={setup.passwordHint} value={password} onChange={(event) => setPassword(event.currentTarget.value)} autoComplete="new-password" />
        <NativeSelect
          label={words.role}
          description={role === 'admin' ? words.adminHint : words.memberHint}
          value={role}
          onChange={(event) => setRole(event.currentTarget.value as Role)}
          data={[
            { value: 'member', label: words.member },
            { value: 'admin', label: words.admin },
          ]}
        />
        {create.error && (
          <p className="bad" role="alert">
            {sayRefused(create.error)}
          </p>
        )}
        <div className={confirm.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={username === '' || password === '' || create.isPending}>
            {words.create}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function RemoveMember({ user, onClose }: { user: User; onClose: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => del(`/users/${user.id}`),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['users'] });
      onClose();
    },
  });
  return <Confirm title={words.removeTitle(user.username)} text={words.removeText} typed={user.username} button={words.removeButton} busy={remove.isPending} refused={remove.error ? sayRefused(remove.error) : null} onConfirm={() => remove.mutate()} onClose={onClose} />;
}
