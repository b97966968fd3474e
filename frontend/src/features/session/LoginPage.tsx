import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useRouter, useSearch } from '@tanstack/react-router';
import { useState, type SyntheticEvent } from 'react';
import { ApiError, get, post, sayRefused } from '@/lib/api/client';
import { sessionQuery } from '@/lib/api/queries';
import type { Session } from '@/lib/api/types';
import { session as words, setup as setupWords } from '@/messages';
import { Codebox } from '@/ui/Codebox';
import { Glyph } from '@/ui/Glyph';
import { Gate } from './Gate';
import classes from './Gate.module.css';

/** Only a path of our own is gone to after signing in. */
function safeNext(next: string | undefined): string {
  return next?.startsWith('/') && !next.startsWith('//') ? next : '/';
}

export function LoginPage() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const { next, ended } = useSearch({ from: '/login' });
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const { data: setup } = useQuery({ queryKey: ['setup'], queryFn: ({ signal }) => get<{ needed: boolean }>('/setup', undefined, signal), retry: false });
  const signIn = useMutation({
    mutationFn: () => post<Session>('/session', { username, password }),
    onSuccess: async () => {
      client.clear();
      await client.query(sessionQuery);
      await router.invalidate();
      await navigate({ href: safeNext(next) });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  const mismatch = signIn.error instanceof ApiError && (signIn.error.status === 401 || signIn.error.status === 400);
  return (
    <Gate title={words.title} lead={ended ? words.expired : words.to(window.location.host)}>
      {setup?.needed && (
        <div className={classes.note}>
          <div>
            <p>{words.setupNeeded}</p>
            <Codebox copy={setupWords.againCommand}>{setupWords.againCommand}</Codebox>
          </div>
        </div>
      )}
      <form onSubmit={submit}>
        <TextInput label={words.username} name="username" autoComplete="username" autoCapitalize="off" spellCheck={false} required withAsterisk={false} value={username} onChange={(event) => setUsername(event.currentTarget.value)} data-autofocus />
        <PasswordInput label={words.password} name="password" autoComplete="current-password" required withAsterisk={false} value={password} error={signIn.error !== null} onChange={(event) => setPassword(event.currentTarget.value)} />
        {signIn.error && (
          <p className={classes.failed} role="alert">
            <Glyph name="bad" /> <span>{mismatch ? words.mismatch : sayRefused(signIn.error)}</span>
          </p>
        )}
        <Button type="submit" variant="filled" size="md" fullWidth disabled={signIn.isPending}>
          {words.submit}
        </Button>
      </form>
    </Gate>
  );
}
