/** Every address of the dashboard. Pages are loaded when they are opened; the shell and the sign-in come with the page. */
import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { ApiError, setSignedOutHandler } from '@/lib/api/client';
import { sessionQuery } from '@/lib/api/queries';
import { LoginPage } from '@/features/session/LoginPage';
import { SetupPage } from '@/features/session/SetupPage';
import { PageError } from './PageError';
import { PartMissing } from './partMissing';
import { NotFound } from './NotFound';
import { Shell } from './Shell';

interface Context {
  client: QueryClient;
}

type Search = Record<string, unknown>;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined);

/** Keeps only the named text parameters; absent ones stay out of the address. */
function texts<K extends string>(...names: K[]) {
  return (search: Search): Partial<Record<K, string | undefined>> => {
    const kept: Partial<Record<K, string | undefined>> = {};
    for (const name of names) {
      const value = text(search[name]);
      if (value !== undefined) kept[name] = value;
    }
    return kept;
  };
}

const rootRoute = createRootRouteWithContext<Context>()({ component: Outlet, notFoundComponent: NotFound, errorComponent: PageError });

const setupRoute = createRoute({ getParentRoute: () => rootRoute, path: '/setup', component: SetupPage, validateSearch: texts('token') });
const loginRoute = createRoute({ getParentRoute: () => rootRoute, path: '/login', component: LoginPage, validateSearch: texts('next', 'ended') });

const shellRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'shell',
  component: Shell,
  beforeLoad: async ({ context, location }) => {
    try {
      await context.client.query({ ...sessionQuery, staleTime: 'static' });
    } catch (error) {
      // The router's redirects are thrown by contract.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) throw redirect({ to: '/login', search: location.href === '/' ? {} : { next: location.href } });
      throw error;
    }
  },
});

const RETRY_MS = [300, 1000];

/** A blink of the network (a bridge that comes up is one, to Chromium) must not turn a click into an error page. */
async function withRetry<T>(load: () => Promise<T>, tries = 0): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const wait = RETRY_MS[tries];
    if (wait === undefined) throw new PartMissing(error);
    await new Promise((resolve) => setTimeout(resolve, wait));
    return withRetry(load, tries + 1);
  }
}

function page<T extends Record<string, unknown>, K extends keyof T & string>(load: () => Promise<T>, name: K) {
  return lazyRouteComponent(() => withRetry(load), name);
}

const overviewRoute = createRoute({ getParentRoute: () => shellRoute, path: '/', component: page(() => import('@/features/overview/OverviewPage'), 'OverviewPage') });
const containersRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/containers',
  validateSearch: texts('q', 'host', 'sort', 'view'),
  component: page(() => import('@/features/containers/ContainersPage'), 'ContainersPage'),
});
const runRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/run',
  validateSearch: texts('image', 'host'),
  component: page(() => import('@/features/run/RunPage'), 'RunPage'),
});
const containerRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/containers/$host/$id',
  component: page(() => import('@/features/container/ContainerPage'), 'ContainerPage'),
});
const containerOverviewRoute = createRoute({ getParentRoute: () => containerRoute, path: '/', component: page(() => import('@/features/container/OverviewTab'), 'OverviewTab') });
const containerLogsRoute = createRoute({
  getParentRoute: () => containerRoute,
  path: '/logs',
  validateSearch: texts('find'),
  component: page(() => import('@/features/logs/LogsTab'), 'LogsTab'),
});
const containerTerminalRoute = createRoute({ getParentRoute: () => containerRoute, path: '/terminal', component: page(() => import('@/features/terminal/TerminalTab'), 'TerminalTab') });
const containerStatsRoute = createRoute({ getParentRoute: () => containerRoute, path: '/stats', component: page(() => import('@/features/stats/StatsTab'), 'StatsTab') });
const containerInspectRoute = createRoute({ getParentRoute: () => containerRoute, path: '/inspect', component: page(() => import('@/features/container/InspectTab'), 'InspectTab') });

const imagesRoute = createRoute({ getParentRoute: () => shellRoute, path: '/images', validateSearch: texts('q'), component: page(() => import('@/features/images/ImagesPage'), 'ImagesPage') });
const volumesRoute = createRoute({ getParentRoute: () => shellRoute, path: '/volumes', validateSearch: texts('q'), component: page(() => import('@/features/volumes/VolumesPage'), 'VolumesPage') });
const networksRoute = createRoute({ getParentRoute: () => shellRoute, path: '/networks', validateSearch: texts('q'), component: page(() => import('@/features/networks/NetworksPage'), 'NetworksPage') });
const hostsRoute = createRoute({ getParentRoute: () => shellRoute, path: '/hosts', validateSearch: texts('q', 'add', 'open'), component: page(() => import('@/features/hosts/HostsPage'), 'HostsPage') });
const jobsRoute = createRoute({ getParentRoute: () => shellRoute, path: '/jobs', validateSearch: texts('q', 'job'), component: page(() => import('@/features/jobs/JobsPage'), 'JobsPage') });
const jobRoute = createRoute({ getParentRoute: () => shellRoute, path: '/jobs/$job', component: page(() => import('@/features/jobs/JobPage'), 'JobPage') });
const auditRoute = createRoute({ getParentRoute: () => shellRoute, path: '/audit', validateSearch: texts('q'), component: page(() => import('@/features/settings/AuditPage'), 'AuditPage') });
const settingsRoute = createRoute({ getParentRoute: () => shellRoute, path: '/settings', validateSearch: texts('tab'), component: page(() => import('@/features/settings/SettingsPage'), 'SettingsPage') });
/** An address of nobody, shown inside the frame, so that the way on is at hand. */
const lostRoute = createRoute({ getParentRoute: () => shellRoute, path: '$', component: NotFound });
const moreRoute = createRoute({ getParentRoute: () => shellRoute, path: '/more', component: page(() => import('./MorePage'), 'MorePage') });

const routeTree = rootRoute.addChildren([
  setupRoute,
  loginRoute,
  shellRoute.addChildren([
    overviewRoute,
    containersRoute,
    runRoute,
    containerRoute.addChildren([containerOverviewRoute, containerLogsRoute, containerTerminalRoute, containerStatsRoute, containerInspectRoute]),
    imagesRoute,
    volumesRoute,
    networksRoute,
    hostsRoute,
    jobsRoute,
    jobRoute,
    auditRoute,
    settingsRoute,
    moreRoute,
    lostRoute,
  ]),
]);

export function createAppRouter(client: QueryClient) {
  const router = createRouter({
    routeTree,
    context: { client },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultNotFoundComponent: NotFound,
    defaultErrorComponent: PageError,
    // Plain text in the address (`?q=state:running`), so that people can read and write it.
    parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
    stringifySearch: (search) => {
      const parameters = new URLSearchParams();
      for (const [name, value] of Object.entries(search)) {
        const kept = text(value);
        if (kept !== undefined) parameters.set(name, kept);
      }
      const written = parameters.toString().replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%2F', '/');
      return written === '' ? '' : `?${written}`;
    },
  });
  setSignedOutHandler(() => {
    if (router.state.location.pathname === '/login') return;
    client.removeQueries({ queryKey: ['session'] });
    void router.navigate({ to: '/login', search: { next: router.state.location.href, ended: '1' } });
  });
  return router;
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
