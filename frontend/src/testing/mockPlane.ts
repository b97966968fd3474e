/**
 * A plane without a plane: a Vite plugin that answers /api/v1 and /ws from `world.ts`, and serves the page with the
 * product's content security policy. For development without a server and for screenshots; `MOORING_MOCK=1`.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Plugin, PreviewServer, ViteDevServer } from 'vite';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Container, DockerInspect, Job } from '../lib/api/types';
import { ago, attention, containers, events, hosts, images, jobs, makeContainer, makeJob, networks, random, volumes } from './world.ts';
import { serveLogs, serveStats, serveTerminal } from './mockStreams.ts';

const started = new Set<WebSocket>();
let signedIn = true;
let setupNeeded = false;

function hint(type: string, id: string | null = null): void {
  for (const socket of started) socket.send(JSON.stringify({ type, id, version: Date.now() }));
}

function page(rows: readonly object[], url: URL): unknown {
  const size = Number(url.searchParams.get('page_size') ?? 100);
  const at = Number(url.searchParams.get('page') ?? 1);
  const results = rows.slice((at - 1) * size, at * size);
  const next = at * size < rows.length ? `${url.pathname}?page_size=${size}&page=${at + 1}` : null;
  return { results, next, count: rows.length };
}

function find(host: string, id: string): Container | undefined {
  return containers.find((container) => (container.host.id === host || container.host.name === host) && container.id.startsWith(id));
}

function inspect(container: Container): DockerInspect {
  return {
    Id: container.id,
    Created: container.created_at,
    Path: './entrypoint.sh',
    Args: [],
    State: {
      Status: container.state,
      ExitCode: container.exit_code ?? 0,
      OOMKilled: container.exit_code === 137,
      Pid: 4711,
      StartedAt: container.started_at ?? '',
      FinishedAt: container.finished_at ?? '0001-01-01T00:00:00Z',
      ...(container.health
        ? {
            Health: {
              Status: container.health,
              FailingStreak: container.health === 'unhealthy' ? 4 : 0,
              Log: [0, 1, 2, 3, 4].map((n) => ({ Start: ago(4 + (4 - n) * 60), End: ago(4 + (4 - n) * 60 - (n === 0 ? 0.006 : 5)), ExitCode: container.health === 'unhealthy' && n > 0 ? 1 : 0, Output: n === 0 ? 'ok' : 'dependency adyen: timeout after 5000 ms' })),
            },
          }
        : {}),
    },
    Image: container.image_id,
    RestartCount: container.restart_count,
    Config: {
      Hostname: container.id.slice(0, 12),
      User: '1000:1000',
      WorkingDir: '/srv/app',
      Tty: false,
      Cmd: ['./entrypoint.sh'],
      Entrypoint: ['tini', '--'],
      Env: ['APP_ENV=production', 'DATABASE_URL=postgres://checkout:hunter2@postgres-main/shop', 'ADYEN_KEY=sk_live_1234', 'OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:4317', 'WEB_CONCURRENCY=4'],
      Labels: container.labels,
      ...(container.health ? { Healthcheck: { Test: ['CMD-SHELL', 'curl -fsS localhost:8080/healthz'], Interval: 60e9, Timeout: 5e9, Retries: 3 } } : {}),
    },
    HostConfig: { Memory: 512 * 1024 ** 2, NanoCpus: 2e9, CpuShares: 1024, PidsLimit: 512, RestartPolicy: { Name: container.restart_policy, MaximumRetryCount: 0 }, AutoRemove: false, Privileged: false, NetworkMode: container.networks[0] ?? 'bridge' },
    NetworkSettings: {
      Networks: Object.fromEntries(container.networks.map((name) => [name, { IPAddress: '10.84.3.17', Aliases: ['api', container.name], Gateway: '10.84.3.1', MacAddress: '02:42:0a:54:03:11' }])),
      Ports: Object.fromEntries(container.ports.map((port) => [`${port.private}/${port.type}`, [{ HostIp: '0.0.0.0', HostPort: String(port.public) }]])),
    },
    Mounts: container.mounts.map((mount) => ({ Type: mount.type, Name: mount.name, Source: mount.source, Destination: mount.destination, RW: !mount.read_only })),
  };
}

/** Lets a job run for a moment, then applies what it does. */
function runJob(job: Job, effect: () => void): Job {
  jobs.unshift(job);
  hint('job', job.id);
  setTimeout(() => {
    Object.assign(job, { state: 'running', started_at: new Date().toISOString() });
    hint('job', job.id);
  }, 200);
  setTimeout(() => {
    effect();
    Object.assign(job, { state: 'succeeded', finished_at: new Date().toISOString(), progress: 1 });
    hint('job', job.id);
    hint('container');
  }, 1400);
  return { ...job };
}

function act(container: Container, action: string): Job {
  const host = hosts.find((each) => each.id === container.host.id) ?? null;
  const job = makeJob(`${action.charAt(0).toUpperCase()}${action.slice(1)} ${container.name}`, `container.${action}`, 'queued', host, { created_at: new Date().toISOString(), started_at: null, finished_at: null, target: { type: 'container', id: container.id, name: container.name } });
  container.pending = { action, job_id: job.id };
  return runJob(job, () => {
    container.pending = null;
    const now = new Date().toISOString();
    if (action === 'start' || action === 'restart' || action === 'unpause') Object.assign(container, { state: 'running', started_at: now, exit_code: null });
    if (action === 'stop' || action === 'kill') Object.assign(container, { state: 'exited', finished_at: now, exit_code: action === 'kill' ? 137 : 0 });
    if (action === 'pause') container.state = 'paused';
    if (action === 'remove') containers.splice(containers.indexOf(container), 1);
  });
}

interface Answer {
  status: number;
  body: unknown;
}
const ok = (body: unknown, status = 200): Answer => ({ status, body });
const refuse = (status: number, code: string, what: string, why: string, next: string): Answer => ({ status, body: { error: { code, what, why, next, message: what, request_id: randomBytes(4).toString('hex') } } });
const missing = () => refuse(404, 'not_found', 'No such object', 'It was removed, or the id is of another host.', 'Go back to the list.');

function answer(method: string, url: URL, body: Record<string, unknown>): Answer {
  const path = url.pathname.replace('/api/v1', '');
  const session = { user: { id: '1', username: 'ines', role: 'admin' }, organisation: { name: 'brightwater' } };
  if (path === '/setup') {
    if (method === 'GET') return ok({ needed: setupNeeded });
    signedIn = true;
    setupNeeded = false;
    return ok(session);
  }
  if (path === '/session') {
    if (method === 'POST') {
      if (body['password'] !== 'mooring-mooring') return refuse(401, 'credentials', 'Name and password do not match', '3 tries left, then a wait of 5 minutes.', '');
      signedIn = true;
    }
    if (method === 'DELETE') {
      signedIn = false;
      return ok(null, 204);
    }
    return signedIn ? ok(session) : refuse(401, 'unauthenticated', 'You are not signed in', '', 'Sign in.');
  }
  if (!signedIn) return refuse(401, 'unauthenticated', 'You are not signed in', '', 'Sign in.');
  if (path === '/overview') {
    const live = hosts.filter((host) => host.state !== 'unknown');
    const sum = (of: (host: (typeof hosts)[number]) => number | null) => live.reduce((total, host) => total + (of(host) ?? 0), 0);
    const count = (state: string) => containers.filter((container) => container.state === state).length;
    return ok({
      hosts: { online: 5, degraded: 1, offline: 0, unknown: 1, pending: 0, total: hosts.length },
      containers: { running: count('running'), exited: count('exited'), paused: count('paused'), restarting: count('restarting'), unhealthy: 1, total: containers.length },
      attention: attention(),
      recent_jobs: jobs.slice(0, 8),
      recent_events: events,
      capacity: { cpus: sum((host) => host.cpus), memory_bytes: sum((host) => host.memory_bytes), memory_used_bytes: sum((host) => host.memory_used_bytes), disk_bytes: sum((host) => host.disk_bytes), disk_used_bytes: sum((host) => host.disk_used_bytes) },
    });
  }
  if (path === '/hosts') return ok(page(hosts, url));
  if (path === '/enrolments' && method === 'POST')
    return ok({ id: 'e1', token: 'mjt_7Qm2xV9dLr4kZt8W', command: '(curl -fsS https://mooring.brightwater.example/join || wget -nv -O- https://mooring.brightwater.example/join) | sh -s -- mjt_7Qm2xV9dLr4kZt8W', expires_at: new Date(Date.now() + 30 * 60_000).toISOString() }, 201);
  if (path === '/enrolments/e1')
    return ok({ id: 'e1', state: 'waiting', host: null, expires_at: new Date(Date.now() + 29 * 60_000).toISOString(), steps: [{ step: 'token', ok: true, detail: '' }, { step: 'enrolled', ok: false, detail: "The host's clock is 9 min 12 s behind. Certificates would be refused." }, { step: 'linked', ok: null, detail: '' }, { step: 'checked', ok: null, detail: '' }] });
  if (path === '/containers') {
    if (method === 'POST') {
      const host = hosts.find((each) => each.id === body['host'] || each.name === body['host']);
      if (!host) return refuse(404, 'no_host', 'There is no such host', '', 'Choose a host.');
      const name = (body['name'] as string | undefined) ?? `brave_${Math.floor(random() * 1000)}`;
      const created = makeContainer(name, String(body['image']), host, 'created', { age: 0 });
      const job = makeJob(`Run ${name}`, 'container.run', 'queued', host, { created_at: new Date().toISOString(), started_at: null, finished_at: null, target: { type: 'container', id: created.id, name } });
      created.pending = { action: 'create', job_id: job.id };
      containers.push(created);
      return ok(runJob(job, () => Object.assign(created, { pending: null, state: 'running', started_at: new Date().toISOString() })), 202);
    }
    return ok({ ...(page(containers, url) as object), facets: { state: {}, host: {} } });
  }
  const one = /^\/hosts\/([^/]+)\/containers\/([^/]+)(?:\/(\w+))?$/.exec(path);
  if (one) {
    const container = find(one[1]!, one[2]!);
    if (!container) return missing();
    if (one[3] === 'actions') return ok(act(container, String(body['action'])), 202);
    if (one[3] === 'top') return ok({ titles: ['PID', 'USER', 'TIME', 'COMMAND'], processes: [['4711', 'app', '3:12', 'python -m uvicorn app.main:app --workers 4'], ['4730', 'app', '1:02', 'python -m app.settle --batch 240']] });
    if (one[3] === 'terminals') return ok({ ticket: 't1', session: 's1' }, 201);
    if (one[3] === 'stats') {
      const base = 0.02 + (container.name.length % 7) * 0.05;
      const t = Date.now() * 1e6;
      return ok({ read: new Date().toISOString(), cpu_stats: { cpu_usage: { total_usage: Math.floor(t * base + Math.sin(t / 3e9) * 4e8) }, system_cpu_usage: t * 16, online_cpus: 16 }, memory_stats: { usage: Math.floor((0.2 + base) * 512 * 1024 ** 2), limit: 512 * 1024 ** 2, stats: {} } });
    }
    return ok({ ...container, inspect: container.stale ? null : inspect(container) });
  }
  if (path === '/images') return ok(page(images, url));
  if (path === '/volumes') return ok(page(volumes, url));
  if (path === '/networks') return ok(page(networks, url));
  if (path === '/jobs') return ok(page(jobs, url));
  const job = /^\/jobs\/([^/]+)(?:\/(\w+))?$/.exec(path);
  if (job) {
    const found = jobs.find((each) => each.id === job[1]);
    if (!found) return missing();
    if (job[2] === 'output') return ok({ lines: jobLines(found), done: found.finished_at !== null });
    return ok(found);
  }
  if (path === '/tokens') return method === 'POST' ? ok({ id: 't', name: body['name'], prefix: 'moor_ab', token: 'moor_ab12cd34ef56', created_at: new Date().toISOString(), last_used_at: null, expires_at: null }, 201) : ok(page([{ id: 't1', name: 'ops-laptop', prefix: 'moor_x1', created_at: ago(40 * 86_400), last_used_at: ago(3600), expires_at: ago(-50 * 86_400) }, { id: 't2', name: 'ci-deploy', prefix: 'moor_q9', created_at: ago(90 * 86_400), last_used_at: ago(60), expires_at: null }], url));
  if (path === '/users') return ok(page([{ id: '1', username: 'ines', role: 'admin', is_active: true, created_at: ago(41 * 86_400), last_login: ago(3600) }, { id: '2', username: 'tomas', role: 'member', is_active: true, created_at: ago(30 * 86_400), last_login: null }], url));
  if (path === '/audit') return ok(page(jobs.map((each, n) => ({ id: n, at: each.created_at, actor: each.actor, actor_type: 'user', method: 'session', source: '10.0.0.4', action: each.kind, target: { type: 'container', id: '', name: each.title }, host_id: null, host_name: each.host?.name ?? '', request_id: 'x', job_id: each.id, decision: n === 4 ? 'denied' : 'allowed', detail: '', result: each.state })), url));
  if (path === '/health') return ok({ ok: true, components: {} });
  return missing();
}

export function jobLines(job: Job) {
  const texts: [string, string][] = job.kind === 'image.pull' ? [['system', `Pulling on ${job.host?.name ?? ''}`], ['stdout', 'a1b2c3d4e5f6: Pull complete'], ['stdout', '77aa88bb99cc: Downloading 214 MiB of 362 MiB']] : job.state === 'failed' ? [['system', `Creating storefront-canary on ${job.host?.name ?? ''}`], ['stdout', 'Created 4f1c9b07d2ae'], ['system', 'Starting'], ['stderr', 'Bind for 0.0.0.0:443 failed: port is already allocated']] : [['system', `${job.title} on ${job.host?.name ?? ''}`], ['system', 'Accepted by the agent']];
  return texts.map(([stream, text], n) => ({ n: n + 1, at: job.started_at ?? job.created_at, stream, text }));
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>) : {};
}

/** The product's policy; the dev server needs inline code for its own refresh, so it goes without. */
export function policy(nonce: string): string {
  return `default-src 'self'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;
}

function handler(index: (() => string) | null) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void) => {
    const url = new URL(request.url ?? '/', 'http://mock');
    if (url.pathname === '/mock/sign-out' || url.pathname === '/mock/fresh' || url.pathname === '/mock/sign-in') {
      signedIn = url.pathname.endsWith('in');
      setupNeeded = url.pathname.endsWith('fresh');
      response.end('ok');
      return;
    }
    if (url.pathname.startsWith('/api/v1')) {
      void readJson(request).then((body) => {
        const { status, body: answered } = answer(request.method ?? 'GET', url, body);
        response.statusCode = status;
        response.setHeader('Content-Type', 'application/json');
        response.end(answered === null ? '' : JSON.stringify(answered));
      });
      return;
    }
    if (index !== null && !url.pathname.startsWith('/static/')) {
      const nonce = randomBytes(16).toString('base64');
      response.setHeader('Content-Type', 'text/html');
      response.setHeader('Content-Security-Policy', policy(nonce));
      response.end(index().replace('__CSP_NONCE__', nonce));
      return;
    }
    next();
  };
}

function sockets(server: Server | null): void {
  const live = new WebSocketServer({ noServer: true });
  server?.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'http://mock');
    if (!url.pathname.startsWith('/ws/')) return;
    live.handleUpgrade(request, socket, head, (opened) => {
      if (url.pathname === '/ws/events') {
        started.add(opened);
        opened.send(JSON.stringify({ type: 'hello' }));
        const timer = setInterval(() => opened.send(JSON.stringify({ type: 'ping' })), 15_000);
        opened.on('close', () => {
          clearInterval(timer);
          started.delete(opened);
        });
      } else if (url.pathname === '/ws/logs') serveLogs(opened, url);
      else if (url.pathname === '/ws/terminal') serveTerminal(opened);
      else if (url.pathname === '/ws/stats') serveStats(opened);
      else if (url.pathname.startsWith('/ws/jobs/')) {
        const job = jobs.find((each) => each.id === url.pathname.split('/')[3]);
        if (job) opened.send(JSON.stringify({ lines: jobLines(job), state: job.state, done: job.finished_at !== null }));
      }
    });
  });
}

/** Small movements, so that the page lives: loads wander, hints arrive. */
function stir(): void {
  setInterval(() => {
    for (const host of hosts) if (host.state !== 'unknown') Object.assign(host, { cpu_percent: Math.max(1, Math.min(97, (host.cpu_percent ?? 0) + (random() - 0.5) * 6)), last_seen_at: new Date().toISOString() });
    hint('host');
  }, 3000).unref();
}

export function mockPlane(): Plugin {
  return {
    name: 'mooring-mock-plane',
    configureServer(server: ViteDevServer) {
      server.middlewares.use(handler(null));
      sockets(server.httpServer as Server | null);
      stir();
    },
    configurePreviewServer(server: PreviewServer) {
      server.middlewares.use(handler(() => readFileSync('dist/index.html', 'utf8')));
      sockets(server.httpServer as Server);
      stir();
    },
  };
}

