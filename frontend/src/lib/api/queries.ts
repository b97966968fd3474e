/** Query keys and query functions for TanStack Query. Hints from /ws/events invalidate by the first part of the key. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { get, type ApiPath, type PageLink } from './client';
import type {
  ApiToken,
  AuditEntry,
  ContainerDetail,
  ContainerPage,
  Container,
  EnrolmentProgress,
  Host,
  Image,
  Job,
  Network,
  Overview,
  Page,
  Session,
  TopResult,
  User,
  Volume,
} from './types';

/** Above this many rows a list is cut and says so; the server's own filter is the way further. */
export const ROW_LIMIT = 5000;
const PAGE_SIZE = 500;

export interface Rows<T> {
  rows: T[];
  count: number;
  complete: boolean;
}

/** Reads every page of a list, up to ROW_LIMIT rows. */
async function allRows<T>(path: ApiPath, query: Record<string, string>, signal: AbortSignal, limit = ROW_LIMIT): Promise<Rows<T>> {
  const rows: T[] = [];
  let next: string | null = null;
  let count = 0;
  do {
    const page: Page<T> = next === null ? await get<Page<T>>(path, { page_size: PAGE_SIZE, ...query }, signal) : await get<Page<T>>(pathOf(next), undefined, signal);
    rows.push(...page.results);
    count = page.count;
    next = page.next;
  } while (next !== null && rows.length < limit);
  return { rows, count: Math.max(count, rows.length), complete: next === null };
}

/** `next` may be absolute; only its path and query are used, so that a proxy's idea of our origin does not matter. */
function pathOf(link: string): PageLink {
  const url = new URL(link, window.location.origin);
  return (url.pathname + url.search) as PageLink;
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => get<Session>('/session', undefined, signal),
  staleTime: Infinity,
  retry: false,
});

export const overviewQuery = queryOptions({
  queryKey: ['overview'],
  queryFn: ({ signal }) => get<Overview>('/overview', undefined, signal),
});

export const hostsQuery = queryOptions({
  queryKey: ['hosts'],
  queryFn: ({ signal }) => allRows<Host>('/hosts', {}, signal),
});

export const enrolmentQuery = (id: string) =>
  queryOptions({
    queryKey: ['enrolments', id],
    queryFn: ({ signal }) => get<EnrolmentProgress>(`/enrolments/${id}`, undefined, signal),
  });

export const containersQuery = queryOptions({
  queryKey: ['containers'],
  queryFn: ({ signal }) => allRows<Container>('/containers', {}, signal),
});

/** Counts only, for the rail; one row is asked for because pages of none are not allowed. */
export const containerFacetsQuery = queryOptions({
  queryKey: ['containers', 'facets'],
  queryFn: ({ signal }) => get<ContainerPage>('/containers', { page_size: 1 }, signal),
});

export const containerPath = (host: string, id: string) => `/hosts/${encodeURIComponent(host)}/containers/${encodeURIComponent(id)}` as const;

export const containerQuery = (host: string, id: string) =>
  queryOptions({
    queryKey: ['containers', 'one', host, id],
    queryFn: ({ signal }) => get<ContainerDetail>(containerPath(host, id), undefined, signal),
  });

export const topQuery = (host: string, id: string) =>
  queryOptions({
    queryKey: ['top', host, id],
    queryFn: ({ signal }) => get<TopResult>(`${containerPath(host, id)}/top`, undefined, signal),
  });

export const imagesQuery = queryOptions({
  queryKey: ['images'],
  queryFn: ({ signal }) => allRows<Image>('/images', {}, signal),
});

export const volumesQuery = queryOptions({
  queryKey: ['volumes'],
  queryFn: ({ signal }) => allRows<Volume>('/volumes', {}, signal),
});

export const networksQuery = queryOptions({
  queryKey: ['networks'],
  queryFn: ({ signal }) => allRows<Network>('/networks', {}, signal),
});

export const jobsQuery = infiniteQueryOptions({
  queryKey: ['jobs'],
  queryFn: ({ signal, pageParam }) => (pageParam === null ? get<Page<Job>>('/jobs', undefined, signal) : get<Page<Job>>(pathOf(pageParam), undefined, signal)),
  initialPageParam: null as string | null,
  getNextPageParam: (last) => last.next,
});

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['jobs', 'one', id],
    queryFn: ({ signal }) => get<Job>(`/jobs/${id}`, undefined, signal),
  });

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: ({ signal }) => allRows<ApiToken>('/tokens', {}, signal),
});

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: ({ signal }) => allRows<User>('/users', {}, signal),
});

export const auditQuery = queryOptions({
  queryKey: ['audit'],
  queryFn: ({ signal }) => allRows<AuditEntry>('/audit', {}, signal, 1000),
});
