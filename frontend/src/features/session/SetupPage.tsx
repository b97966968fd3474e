import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useRouter, useSearch } from '@tanstack/react-router';
import { useState, type SyntheticEvent } from 'react';
import { asProblem, get, post } from '@/lib/api/client';
import { sessionQuery } from '@/lib/api/queries';
import type { Session } from '@/lib/api/types';
import { setup as words } from '@/messages';
import { Glyph } from '@/ui/Glyph';
import { QueryProblem } from '@/ui/Problem';
import { Gate } from './Gate';
import classes from './Gate.module.css';
import { ButtonLink } from '@/ui/links';

const MINIMUM_LENGTH = 12;

export function SetupPage() {
  const { token } = useSearch({ from: '/setup' });
  const { data, error, refetch } = useQuery({ queryKey: ['setup'], queryFn: ({ signal }) => get<{ needed: boolean }>('/setup', undefined, signal) });
  const below = (
    <>
      {words.again} <code>{words.againCommand}</code>
    </>
  );
  if (error) {
    return (
      <Gate title={words.title} lead={words.lead} wide>
        <QueryProblem error={error} onRetry={() => void refetch()} />
      </Gate>
    );
  }
  if (data && !data.needed) {
    return (
      <Gate title={words.doneTitle} lead={words.doneText}>
        <ButtonLink to="/login" variant="filled" size="md" fullWidth>
          {words.toSignIn}
        </ButtonLink>
      </Gate>
    );
  }
  if (token === undefined) return <Gate title={words.noToken} lead={words.noTokenText} wide below={below}>{null}</Gate>;
  return (
    <Gate title={words.title} lead={words.lead} wide below={below}>
      <SetupForm token={token} />
    </Gate>
  );
}

function SetupForm({ token }: { token: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const router = useRouter();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const create = useMutation({
    mutationFn: () => post<Session>('/setup', { token, username, password }),
    onSuccess: async () => {
      client.clear();
      await client.query(sessionQuery);
      await router.invalidate();
      await navigate({ to: '/' });
    },
  });
  const missing = Math.max(0, MINIMUM_LENGTH - password.length);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (missing === 0) create.mutate();
  };
  const problem = create.error ? asProblem(create.error) : null;
  return (
    <>
      <div className={classes.note}>
        <Glyph name="ok" tone="ok" />
        <span>{words.linkGiven}</span>
      </div>
      <form onSubmit={submit}>
        <TextInput label={words.name} name="username" autoComplete="username" autoCapitalize="off" spellCheck={false} required withAsterisk={false} value={username} onChange={(event) => setUsername(event.currentTarget.value)} data-autofocus />
        <div>
          <PasswordInput label={words.password} name="password" autoComplete="new-password" required withAsterisk={false} value={password} onChange={(event) => setPassword(event.currentTarget.value)} aria-describedby="password-hint" />
          <p className={classes.passwordHead} id="password-hint">
            <span className={classes.hint}>{words.passwordHint}</span>
            {password !== '' && (
              <span className={classes.strength} data-ok={missing === 0 || undefined}>
                {missing === 0 && <Glyph name="ok" />}
                {missing === 0 ? words.longEnough : words.tooShort(missing)}
              </span>
            )}
          </p>
        </div>
        {problem && (
          <p className={classes.failed} role="alert">
            <Glyph name="bad" /> <span>{[problem.what, problem.why, problem.next].filter(Boolean).join('. ')}</span>
          </p>
        )}
        <Button type="submit" variant="filled" size="md" fullWidth disabled={create.isPending || missing > 0 || username === ''}>
          {words.submit}
        </Button>
      </form>
      <ol className={classes.steps}>
        {words.steps.map((step, index) => (
          <li key={step}>
            <Glyph name={index === 0 ? 'run' : 'idle'} /> {step}
          </li>
        ))}
      </ol>
    </>
  );
}
