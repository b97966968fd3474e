import type { ApiProblem } from '@/lib/api/types';

function offline(code: string, what: string, why: string, next: string): ApiProblem {
  return { code, what, why, next, message: what };
}

const byStatus: Record<number, { what: string; next: string }> = {
  400: { what: 'The request was not understood', next: 'Check what you entered. Nothing was changed.' },
  401: { what: 'You are signed out', next: 'Sign in again; this page is kept.' },
  403: { what: 'You may not do this', next: 'Ask an administrator for the right.' },
  404: { what: 'This does not exist, or no longer', next: 'Go back to the list; it shows what there is now.' },
  409: { what: 'The state does not allow this', next: 'Look at the present state and try again.' },
  413: { what: 'That is too large', next: 'Send less. Nothing was changed.' },
  429: { what: 'Too many tries', next: 'Wait a moment, then try again.' },
  502: { what: 'The host did not answer', next: 'See the host’s link history, then try again.' },
  503: { what: 'The server is not ready', next: 'It starts or restarts; try again in a few seconds.' },
  504: { what: 'The host took too long', next: 'The act may still happen: look at its job before you try again.' },
};

export const api = {
  status: (status: number) =>
    byStatus[status] ?? { what: `The server answered ${status}`, next: 'Try again; if it stays, read the server’s log with the request id.' },
  unreachable: offline('unreachable', 'The server cannot be reached', 'The connection was refused or cut.', 'Check the network and the address; the page retries by itself.'),
  timeout: (seconds: number) =>
    offline('timeout', `No answer in ${seconds} s`, 'The server or the host behind it is slow or silent.', 'The act may still happen: look at the jobs before you try again.'),
  notJson: offline('not_json', 'The answer was not understood', 'Something between here and the server answered in its place.', 'Check a proxy in between, then reload.'),
  unexpected: 'The page ran into something unexpected',
  reload: 'Reload the page. If it comes back, report the message below.',
};
