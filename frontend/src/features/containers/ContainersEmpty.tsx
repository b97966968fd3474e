/** The container table without a row: no host yet, nothing runs, or the filter hides all. */
import { Button } from '@mantine/core';
import { Plus } from 'lucide-react';
import type { Container } from '@/lib/api/types';
import { compileFilter, type Compiled } from '@/lib/filter';
import { common, containers as words } from '@/messages';
import { Empty } from '@/ui/Empty';
import { containerFields } from './fields';
import { ButtonLink } from '@/ui/links';

interface Props {
  query: string;
  filter: Compiled<Container>;
  all: readonly Container[];
  hosts: number;
  onQuery: (query: string) => void;
}

/** The term whose absence brings most rows back. */
function culprit(query: string, filter: Compiled<Container>, all: readonly Container[]): { term: string; count: number; rest: string } | null {
  let best: { term: string; count: number; rest: string } | null = null;
  if (filter.terms.length < 2) return null;
  for (const term of filter.terms) {
    const rest = query.replace(term.raw, '').replace(/\s+/g, ' ').trim();
    const without = compileFilter(rest, containerFields);
    const count = all.filter((row) => without.matches(row, Date.now())).length;
    if (count > (best?.count ?? 0)) best = { term: term.raw, count, rest };
  }
  return best;
}

export function ContainersEmpty({ query, filter, all, hosts, onQuery }: Props) {
  if (all.length > 0) {
    const drop = culprit(query, filter, all);
    return (
      <Empty
        title={common.noMatch(words.what)}
        actions={
          <>
            {drop && <Button onClick={() => onQuery(drop.rest)}>{common.dropTerm(drop.term)}</Button>}
            <Button variant="subtle" onClick={() => onQuery('')}>
              {common.clearFilter} <kbd>Esc</kbd>
            </Button>
          </>
        }
      >
        <p>
          <code>{query}</code>
        </p>
        {drop && <p>{common.withoutTerm(drop.term, drop.count)}</p>}
      </Empty>
    );
  }
  if (hosts === 0) {
    return (
      <Empty
        art="slack"
        title={words.noHostTitle}
        actions={
          <ButtonLink variant="filled" to="/hosts" search={{ add: '1' }} leftSection={<Plus aria-hidden />}>
            {words.addFirstHost}
          </ButtonLink>
        }
      >
        <p>{words.noHostText}</p>
      </Empty>
    );
  }
  return (
    <Empty
      art="taut"
      title={words.emptyTitle}
      actions={
        <ButtonLink variant="filled" to="/run" leftSection={<Plus aria-hidden />}>
          {words.run}
        </ButtonLink>
      }
    >
      <p>{words.emptyText}</p>
      <pre>{words.emptyExample}</pre>
    </Empty>
  );
}
