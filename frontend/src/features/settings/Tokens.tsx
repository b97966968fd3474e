import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { del, post, sayRefused } from '@/lib/api/client';
import { tokensQuery } from '@/lib/api/queries';
import type { ApiToken, NewApiToken } from '@/lib/api/types';
import { formatAge, formatTime, secondsSince } from '@/lib/format';
import { useNow } from '@/lib/now';
import { common, settings as words } from '@/messages';
import { Dialog } from '@/ui/Dialog';
import card from '@/ui/Card.module.css';
import { Codebox } from '@/ui/Codebox';
import confirm from '@/ui/Confirm.module.css';
import { Confirm } from '@/ui/Confirm';
import { Empty } from '@/ui/Empty';
import { QueryProblem } from '@/ui/Problem';
import { dockerLines } from './dockerLines';
import classes from './SettingsPage.module.css';

const DAY_MS = 86_400_000;
type Expiry = keyof typeof words.expiry;

export function Tokens() {
  const { data, error, refetch } = useQuery(tokensQuery);
  const now = useNow();
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiToken | null>(null);
  const when = (iso: string | null, absent: string) => {
    if (iso === null) return absent;
    const seconds = secondsSince(iso, now);
    return seconds === null || seconds === 0 ? formatTime(iso, now, false) : common.ago(formatAge(seconds));
  };
  return (
    <>
      <div className={classes.intro}>
        <p className="second">{words.tokensText}</p>
        <Button variant="filled" leftSection={<Plus aria-hidden />} onClick={() => setCreating(true)}>
          {words.newToken}
        </Button>
      </div>
      {error && <QueryProblem error={error} onRetry={() => void refetch()} />}
      {data?.rows.length === 0 && (
        <Empty icon={<KeyRound aria-hidden />} title={words.noTokens}>
          <p>{words.noTokensText}</p>
        </Empty>
      )}
      {data && data.rows.length > 0 && (
        <section className={`${card.card ?? ''} ${classes.wide ?? ''}`} aria-label={words.tabs.tokens}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">{words.column.name}</th>
                <th scope="col" className="desk">{words.column.created}</th>
                <th scope="col" className="desk">{words.column.used}</th>
                <th scope="col">{words.column.expires}</th>
                <td />
              </tr>
            </thead>
            <tbody>
              {data.rows.map((token) => (
                <tr key={token.id}>
                  <td>
                    <b className="strong">{token.name}</b> <code className="muted">{token.prefix}…</code>
                  </td>
                  <td className="desk">{when(token.created_at, common.none)}</td>
                  <td className="desk">{when(token.last_used_at, words.notUsed)}</td>
                  <td>{token.expires_at === null ? words.never : formatTime(token.expires_at, now, false)}</td>
                  <td>
                    <Button size="xs" data-danger onClick={() => setRevoking(token)}>
                      {words.revoke}
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {creating && <NewToken onClose={() => setCreating(false)} />}
      {revoking && <Revoke token={revoking} onClose={() => setRevoking(null)} />}
    </>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [expiry, setExpiry] = useState<Expiry>('90');
  const create = useMutation({
    mutationFn: () => post<NewApiToken>('/tokens', { name, expires_at: expiry === 'never' ? null : new Date(Date.now() + Number(expiry) * DAY_MS).toISOString() }),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['tokens'] }),
  });
  const made = create.data;
  if (made) {
    return (
      <Dialog onClose={onClose} title={made.name} closeOnClickOutside={false}>
        <div className={classes.secret}>
          <p>{words.shownOnce}</p>
          <Codebox copy={made.token} copyLabel={words.copyToken}>
            {made.token}
          </Codebox>
          <p className="muted">{words.exampleLine}</p>
          <Codebox copy={`curl -H 'Authorization: Bearer ${made.token}' ${window.location.origin}/api/v1/containers`}>{`curl -H 'Authorization: Bearer ${made.token}' ${window.location.origin}/api/v1/containers`}</Codebox>
          <p className="muted">{words.dockerClient}</p>
          <Codebox copy={dockerLines(window.location.origin, made.token)}>{dockerLines(window.location.origin, made.token)}</Codebox>
        </div>
        <div className={confirm.acts}>
          <Button variant="filled" onClick={onClose}>
            {common.close}
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog onClose={onClose} title={words.newToken}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <TextInput label={words.tokenName} description={words.tokenNameHint} value={name} onChange={(event) => setName(event.currentTarget.value)} autoComplete="off" data-autofocus />
        <NativeSelect label={words.expires} value={expiry} onChange={(event) => setExpiry(event.currentTarget.value as Expiry)} data={(Object.keys(words.expiry) as Expiry[]).map((value) => ({ value, label: words.expiry[value] }))} />
        {create.error && (
          <p className="bad" role="alert">
            {sayRefused(create.error)}
          </p>
        )}
        <div className={confirm.acts}>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" variant="filled" disabled={name.trim() === '' || create.isPending}>
            {words.create}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Revoke({ token, onClose }: { token: ApiToken; onClose: () => void }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => del(`/tokens/${token.id}`),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['tokens'] });
      onClose();
    },
  });
  return <Confirm title={words.revokeTitle(token.name)} text={words.revokeText} button={words.revokeButton} busy={revoke.isPending} refused={revoke.error ? sayRefused(revoke.error) : null} onConfirm={() => revoke.mutate()} onClose={onClose} />;
}
