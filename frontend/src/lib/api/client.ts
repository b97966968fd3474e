/**
 * One fetch for /api/v1: same origin, session cookie, CSRF header on what changes state, and every failure turned into
 * an `ApiError` that carries what, why and next (the server's words where it gave them, ours where it could not).
 */
import { api as words } from '@/messages';
import type { paths } from '@/lib/generated/api';
import type { ApiProblem } from './types';

const BASE = '/api/v1';
const TIMEOUT_MS = 30_000;

/** `/hosts/{ref}` → `/hosts/${string}`: every path of the OpenAPI document, below the base, with its parts filled in. */
type Filled<P> = P extends `${infer Before}{${string}}${infer After}` ? `${Before}${string}${Filled<After>}` : P;
export type ApiPath = Filled<keyof paths extends `${typeof BASE}${infer Path}` ? Path : never>;
/** The address of a list's next page, as its answer gave it. */
export type PageLink = `${typeof BASE}/${string}`;

export class ApiError extends Error {
  readonly status: number;
  readonly problem: ApiProblem;

  constructor(status: number, problem: ApiProblem) {
    super(problem.message || problem.what);
    this.name = 'ApiError';
    this.status = status;
    this.problem = problem;
  }
}

/** Django's CSRF cookie; the page's own answer sets it. */
function csrfToken(): string {
  const found = /(?:^|;\s*)(?:mooring_csrftoken|csrftoken)=([^;]+)/.exec(document.cookie);
  return found?.[1] ?? '';
}

export type Query = Record<string, string | number | boolean | null | undefined>;

function withQuery(path: ApiPath | PageLink, query: Query | undefined): string {
  const url = path.startsWith(BASE) ? path : BASE + path;
  if (!query) return url;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? url : `${url}?${text}`;
}

function isProblemBody(body: unknown): body is { error: Partial<ApiProblem> } {
  return typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'object' && body.error !== null;
}

function problemOf(status: number, body: unknown, requestId: string | null): ApiProblem {
  const fallback = words.status(status);
  if (isProblemBody(body)) {
    const given = body.error;
    return {
      code: given.code ?? `http_${status}`,
      what: given.what ?? given.message ?? fallback.what,
      why: given.why ?? '',
      next: given.next ?? fallback.next,
      message: given.message ?? given.what ?? fallback.what,
      ...((given.request_id ?? requestId) ? { request_id: given.request_id ?? requestId ?? '' } : {}),
    };
  }
  const detail = typeof body === 'object' && body !== null && 'detail' in body ? String(body.detail) : '';
  return { code: `http_${status}`, ...fallback, why: detail, message: detail || fallback.what, ...(requestId ? { request_id: requestId } : {}) };
}

/** Called when a request comes back 401, so that the shell can show the sign-in page. */
let onSignedOut: () => void = () => undefined;
export function setSignedOutHandler(handler: () => void): void {
  onSignedOut = handler;
}

export interface RequestOptions {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/**
 * Sends one request and returns the decoded JSON answer (null for an empty one).
 * Raises ApiError for any answer outside 2xx, a lost connection (status 0) and a timeout (status 0).
 */
export async function request<T>(method: string, path: ApiPath | PageLink, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') headers['X-CSRFToken'] = csrfToken();
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let answer: Response;
  try {
    answer = await fetch(withQuery(path, options.query), {
      method,
      headers,
      credentials: 'same-origin',
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError(0, timeout.aborted ? words.timeout(TIMEOUT_MS / 1000) : words.unreachable);
  }
  const text = await answer.text();
  let body: unknown = null;
  if (text !== '') {
    try {
      body = JSON.parse(text);
    } catch {
      if (answer.ok) throw new ApiError(answer.status, words.notJson);
    }
  }
  if (!answer.ok) {
    const error = new ApiError(answer.status, problemOf(answer.status, body, answer.headers.get('X-Request-ID')));
    if (answer.status === 401 && path !== '/session') onSignedOut();
    throw error;
  }
  return body as T;
}

export const get = <T>(path: ApiPath | PageLink, query?: Query, signal?: AbortSignal): Promise<T> =>
  request<T>('GET', path, { ...(query ? { query } : {}), signal });
export const post = <T>(path: ApiPath, body: unknown = {}): Promise<T> => request<T>('POST', path, { body });
export const patch = <T>(path: ApiPath, body: unknown): Promise<T> => request<T>('PATCH', path, { body });
export const del = <T>(path: ApiPath, query?: Query): Promise<T> => request<T>('DELETE', path, query ? { query } : {});

/** A refusal in one line: what, why, and what to do. */
export function sayRefused(error: unknown): string {
  const { what, why, next, message } = asProblem(error);
  const reason = why || (message === what ? '' : message);
  return [what, reason, next].filter(Boolean).map((part) => part.replace(/\.$/, '')).join('. ');
}

export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiError) return error.problem;
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'dashboard', what: words.unexpected, why: message, next: words.reload, message };
}
