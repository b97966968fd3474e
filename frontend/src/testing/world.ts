/**
 * A made-up fleet for development and tests: seven hosts, some two hundred containers, one host silent. Deterministic,
 * so that screenshots can be laid side by side. Never part of the product bundle (only the Vite plugin imports it).
 */
import type { Attention, Container, ContainerState, FleetEvent, Host, HostRef, Image, Job, Network, Volume } from '../lib/api/types';

let seed = 42;
/** A small linear congruential generator: the same numbers each run. */
export function random(): number {
  seed = (seed * 1_664_525 + 1_013_904_223) % 4_294_967_296;
  return seed / 4_294_967_296;
}
const hex = (length: number) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
const start = Date.now();
export const ago = (seconds: number) => new Date(start - seconds * 1000).toISOString();
const MIN = 60;
const HOUR = 3600;
const DAY = 86_400;
const GIB = 1024 ** 3;

interface HostSeed {
  name: string;
  state: Host['state'];
  os: string;
  cpus: number;
  memory: number;
  disk: number;
  cpu: number;
  mem: number;
  dsk: number;
  containers: number;
  labels: Record<string, string>;
  schedulable?: boolean;
}

const hostSeeds: HostSeed[] = [
  { name: 'fra1-prod-01', state: 'online', os: 'Debian GNU/Linux 12', cpus: 16, memory: 64, disk: 920, cpu: 41, mem: 62, dsk: 55, containers: 48, labels: { env: 'prod', zone: 'fra1' } },
  { name: 'fra1-prod-02', state: 'online', os: 'Debian GNU/Linux 12', cpus: 16, memory: 64, disk: 920, cpu: 36, mem: 58, dsk: 57, containers: 51, labels: { env: 'prod', zone: 'fra1' } },
  { name: 'ams2-edge-01', state: 'online', os: 'Debian GNU/Linux 12', cpus: 4, memory: 8, disk: 119, cpu: 12, mem: 31, dsk: 22, containers: 19, labels: { role: 'edge', zone: 'ams2' } },
  { name: 'hel1-build-01', state: 'online', os: 'Ubuntu 24.04 LTS', cpus: 32, memory: 128, disk: 1840, cpu: 86, mem: 71, dsk: 88, containers: 23, labels: { role: 'build', gpu: 'l4' } },
  { name: 'nyc3-stage-01', state: 'online', os: 'Ubuntu 24.04 LTS', cpus: 8, memory: 32, disk: 512, cpu: 22, mem: 44, dsk: 39, containers: 41, labels: { env: 'stage', zone: 'nyc3' } },
  { name: 'lab-arm-04', state: 'degraded', os: 'Debian GNU/Linux 12', cpus: 4, memory: 8, disk: 119, cpu: 29, mem: 77, dsk: 48, containers: 18, labels: { arch: 'arm64', site: 'lab' } },
  { name: 'nas-closet', state: 'unknown', os: 'Debian GNU/Linux 12', cpus: 4, memory: 16, disk: 3600, cpu: 38, mem: 71, dsk: 64, containers: 14, labels: { site: 'home' } },
];

function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString().padStart(12, '0')}`;
}

function makeHost(of: HostSeed, index: number): Host {
  const unknown = of.state === 'unknown';
  const history: Host['link_history'] = [{ at: ago((index === 4 ? 20 * HOUR : 30 * DAY)), state: 'up' }];
  if (index === 2) history.push({ at: ago(11.8 * HOUR), state: 'lost' }, { at: ago(11.8 * HOUR - 12), state: 'up' });
  if (index === 5) history.push({ at: ago(20 * HOUR), state: 'lost' }, { at: ago(20 * HOUR - 9 * MIN), state: 'up' }, { at: ago(8 * HOUR), state: 'left' }, { at: ago(8 * HOUR - 2 * MIN), state: 'up' });
  if (unknown) history.push({ at: ago(18 * HOUR), state: 'lost' }, { at: ago(17 * HOUR), state: 'up' }, { at: ago(29 * MIN), state: 'lost' });
  return {
    id: uuid(100 + index),
    name: of.name,
    state: of.state,
    since: ago(unknown ? 29 * MIN : 3 * DAY),
    last_seen_at: ago(unknown ? 29 * MIN + 30 : 1),
    version: index === 5 ? '0.1.0' : '0.1.1',
    runtime: 'crun 1.8.1',
    os: of.os,
    kernel: '6.1.0-18-amd64',
    cpus: of.cpus,
    memory_bytes: of.memory * GIB,
    memory_used_bytes: of.memory * GIB * (of.mem / 100),
    cpu_percent: of.cpu,
    disk_bytes: of.disk * GIB,
    disk_used_bytes: of.disk * GIB * (of.dsk / 100),
    containers_running: 0,
    containers_total: of.containers,
    labels: of.labels,
    schedulable: index !== 4,
    findings:
      index === 5
        ? [
            { code: 'cgroup_memory', severity: 'warning', title: 'Memory limits cannot be enforced', detail: 'The kernel was started without cgroup_enable=memory, so `--memory` is accepted by nobody and refused.', next: 'Add cgroup_enable=memory swapaccount=1 to the kernel command line, then restart the host.' },
            { code: 'erofs_file', severity: 'info', title: 'Images are unpacked instead of mounted', detail: 'Kernel 6.1 cannot mount EROFS from a file (6.12 can). Pulls take longer and more disk.', next: 'Nothing has to be done.' },
          ]
        : [],
    link_history: history,
    created_at: ago(40 * DAY),
  };
}

export const hosts: Host[] = hostSeeds.map(makeHost);
export const ref = (host: Host): HostRef => ({ id: host.id, name: host.name, state: host.state });
const hostNamed = (name: string): Host => hosts.find((host) => host.name === name)!;

interface Extra {
  project?: string;
  health?: string;
  exit?: number;
  ports?: [number, number][];
  age?: number;
  up?: number;
  restarts?: number;
  pending?: string;
  volumes?: string[];
  command?: string;
}

export function makeContainer(name: string, image: string, host: Host, state: ContainerState, extra: Extra = {}): Container {
  const age = extra.age ?? 12 * DAY;
  const up = extra.up ?? Math.min(age, 12 * DAY);
  return {
    id: hex(64),
    host: ref(host),
    name,
    image,
    image_id: `sha256:${hex(64)}`,
    command: extra.command ?? './entrypoint.sh',
    state,
    status: '',
    health: extra.health ?? null,
    exit_code: state === 'exited' ? (extra.exit ?? 0) : null,
    created_at: ago(age),
    started_at: state === 'created' ? null : ago(up),
    finished_at: state === 'exited' || state === 'restarting' ? ago(extra.up ?? 2 * HOUR) : null,
    ports: (extra.ports ?? []).flatMap(([outside, inside]) => [
      { ip: '0.0.0.0', private: inside, public: outside, type: 'tcp' },
      { ip: '::', private: inside, public: outside, type: 'tcp' },
    ]),
    labels: extra.project ? { 'com.docker.compose.project': extra.project, 'com.docker.compose.service': name } : {},
    networks: [extra.project ? `${extra.project}_default` : 'bridge'],
    mounts: (extra.volumes ?? []).map((volume) => ({ type: 'volume', name: volume, source: `/var/lib/mooring/agent/volumes/${volume}/_data`, destination: '/srv/data', read_only: false })),
    restart_policy: 'unless-stopped',
    restart_count: extra.restarts ?? 0,
    stale: host.state === 'unknown',
    as_of: host.state === 'unknown' ? ago(29 * MIN + 30) : ago(1),
    pending: extra.pending ? { action: extra.pending, job_id: uuid(900) } : null,
  };
}

const f1 = hostNamed('fra1-prod-01');
const f2 = hostNamed('fra1-prod-02');
const ams = hostNamed('ams2-edge-01');
const hel = hostNamed('hel1-build-01');
const nyc = hostNamed('nyc3-stage-01');
const lab = hostNamed('lab-arm-04');
const nas = hostNamed('nas-closet');

export const containers: Container[] = [
  makeContainer('checkout-api', 'shop/checkout-api:2.13.4', f1, 'running', { project: 'shop', health: 'unhealthy', ports: [[8443, 8080], [9464, 9464]], age: 3 * DAY, up: 3 * DAY + 4 * HOUR, restarts: 2, volumes: ['shop_checkout'] }),
  makeContainer('invoice-renderer-worker-long-running-batch', 'billing/invoice-renderer:1.9.0-rc.2', f2, 'restarting', { project: 'billing', age: 8 * DAY, restarts: 6, exit: 137 }),
  makeContainer('geoip-updater', 'ops/geoip-updater:0.4', ams, 'restarting', { age: 21 * DAY, restarts: 11 }),
  makeContainer('legacy-report-cron', 'billing/report-cron:7', f2, 'exited', { exit: 137, age: 90 * DAY, up: 8 * MIN }),
  makeContainer('search-indexer-blue-3', 'search/indexer:5.2.1', f2, 'running', { project: 'search', health: 'healthy', ports: [[9200, 9200]], age: 6 * DAY, pending: 'stop' }),
  makeContainer('search-indexer-blue-2', 'search/indexer:5.2.1', f2, 'running', { project: 'search', health: 'healthy', ports: [[9201, 9200]], age: 6 * DAY }),
  makeContainer('search-indexer-blue-1', 'search/indexer:5.2.0', nyc, 'exited', { project: 'search', age: 9 * DAY, pending: 'remove' }),
  makeContainer('ml-embedder-gpu', 'ml/embedder:cuda12-2025.11.3', hel, 'created', { project: 'ml', age: 2 }),
  makeContainer('postgres-main', 'postgres:16.4-alpine', f1, 'running', { project: 'shop', health: 'healthy', ports: [[5432, 5432]], age: 41 * DAY, up: 41 * DAY, volumes: ['shop_pgdata', 'c0ffee00'.repeat(8)] }),
  makeContainer('storefront-web-1', 'shop/storefront:2.13.4', f1, 'running', { project: 'shop', health: 'healthy', ports: [[443, 8443], [80, 8080], [9102, 9102], [9103, 9103], [9104, 9104]], age: 2 * DAY, up: 2 * DAY + HOUR }),
  makeContainer('redis-sessions', 'redis:7.4-alpine', f1, 'running', { project: 'shop', health: 'healthy', ports: [[6379, 6379]], age: 41 * DAY, up: 41 * DAY }),
  makeContainer('thumbnailer.4.x9k2m1', 'media/thumbnailer:3.0.2', lab, 'running', { project: 'media', health: 'starting', ports: [[30801, 8080]], age: 48 * MIN, up: 48 * MIN }),
  makeContainer('otel-collector', 'otel/collector-contrib:0.112.0', f2, 'running', { project: 'observability', ports: [[4317, 4317], [4318, 4318], [8888, 8888]] }),
  makeContainer('mailer', 'shop/mailer:1.4.7', nyc, 'paused', { project: 'shop', ports: [[1025, 1025]], age: 19 * DAY, up: 72 * MIN }),
  makeContainer('db-migrate-2025-11-24', 'shop/checkout-api:2.13.4', f1, 'exited', { project: 'shop', age: 2 * HOUR, up: 2 * HOUR }),
  makeContainer('loadtest-k6', 'ops/k6:0.54', nyc, 'created', { age: 5 * DAY }),
  makeContainer('photo-archive', 'media/photo-archive:2.1', nas, 'running', { project: 'media', health: 'healthy', ports: [[2283, 2283]], age: 60 * DAY }),
  makeContainer('time-machine-smb', 'ops/samba-timemachine:4.20', nas, 'running', { ports: [[445, 445]], age: 112 * DAY }),
  makeContainer('restic-rest-server', 'restic/rest-server:0.13.0', nas, 'running', { ports: [[8000, 8000]], age: 112 * DAY }),
  makeContainer('grafana', 'grafana/grafana:11.3.0', f2, 'running', { project: 'observability', health: 'healthy', ports: [[3000, 3000]] }),
];

const filler = ['web', 'api', 'worker', 'cache', 'proxy', 'cron', 'queue', 'exporter', 'sidecar'];
const projects = ['shop', 'billing', 'search', 'media', 'ops', 'ml', 'observability'];
for (const host of hosts) {
  let n = 1;
  while (containers.filter((container) => container.host.id === host.id).length < host.containers_total) {
    const project = projects[Math.floor(random() * projects.length)]!;
    const role = filler[Math.floor(random() * filler.length)]!;
    const exited = random() < 0.1;
    containers.push(
      makeContainer(`${project}-${role}-${n++}`, `${project}/${role}:${1 + Math.floor(random() * 4)}.${Math.floor(random() * 20)}.${Math.floor(random() * 9)}`, host, exited ? 'exited' : 'running', {
        project,
        ...(random() < 0.5 ? { health: 'healthy' } : {}),
        ...(random() < 0.4 ? { ports: [[20_000 + containers.length, 8080] as [number, number]] } : {}),
        age: Math.floor(random() * 60 * DAY) + HOUR,
      }),
    );
  }
  host.containers_running = containers.filter((container) => container.host.id === host.id && container.state === 'running').length;
}

let jobNumber = 4808;
export function makeJob(title: string, kind: string, state: Job['state'], host: Host | null, more: Partial<Job> = {}): Job {
  const number = jobNumber++;
  const open = state === 'queued' || state === 'running';
  return {
    id: uuid(number),
    number,
    kind,
    title,
    state,
    host: host ? ref(host) : null,
    target: { type: '', id: '', name: '' },
    actor: 'ines',
    created_at: ago(60),
    started_at: state === 'queued' ? null : ago(59),
    finished_at: open ? null : ago(50),
    progress: null,
    error: null,
    result: null,
    retryable: state === 'failed' || state === 'cancelled',
    attempts: 1,
    ...more,
  };
}
const done = (seconds: number, took: number): Partial<Job> => ({ created_at: ago(seconds), started_at: ago(seconds - 0.2), finished_at: ago(seconds - took) });

export const jobs: Job[] = [
  makeJob('Remove 12 exited containers', 'containers.prune', 'succeeded', nyc, done(69 * MIN, 2)),
  makeJob('Restart edge-proxy', 'container.restart', 'cancelled', ams, { ...done(130 * MIN, 0.8), actor: 'dana' }),
  makeJob('Pull shop/storefront:2.13.4', 'image.pull', 'succeeded', f1, { ...done(110 * MIN, 5.1), actor: 'ci-deploy' }),
  makeJob('Restart search-indexer', 'container.restart', 'succeeded', f2, { ...done(15 * MIN, 3.2), actor: 'priya' }),
  makeJob('Run storefront-canary', 'container.run', 'failed', f2, {
    ...done(12 * MIN, 4),
    actor: 'ci-deploy',
    error: { code: 'port_taken', what: 'fra1-prod-02 refused to start storefront-canary', why: 'Bind for 0.0.0.0:443 failed: port is already allocated', next: 'Choose another host port, or stop what uses it. The container exists and is not started.', message: 'driver failed programming external connectivity: Bind for 0.0.0.0:443 failed: port is already allocated' },
  }),
  makeJob('Pull ml/embedder:cuda12-2025.11.3', 'image.pull', 'running', hel, { created_at: ago(38), started_at: ago(38), progress: 0.62, actor: 'ci-deploy' }),
  makeJob('Stop search-indexer-blue-3', 'container.stop', 'running', f2, { created_at: ago(4), started_at: ago(4), progress: 0.4, actor: 'priya' }),
  makeJob('Remove search-indexer-blue-1', 'container.remove', 'queued', nyc, { created_at: ago(2), actor: 'priya' }),
].reverse();

export function attention(): Attention[] {
  const find = (name: string) => containers.find((container) => container.name === name);
  const of = (kind: Attention['kind'], severity: Attention['severity'], title: string, detail: string, since: number, action: Attention['action'], host: Host, name?: string): Attention => ({
    kind,
    severity,
    title,
    detail,
    since: ago(since),
    host: ref(host),
    container_id: name ? (find(name)?.id ?? null) : null,
    job_id: kind === 'job_failed' ? (jobs.find((job) => job.state === 'failed')?.id ?? null) : null,
    action,
  });
  return [
    of('container_unhealthy', 'critical', 'checkout-api is unhealthy', 'GET /healthz answered 503, 4 checks in a row', 60, 'open_container', f1, 'checkout-api'),
    of('job_failed', 'critical', 'Run storefront-canary failed', 'Bind for 0.0.0.0:443 failed: port is already allocated', 12 * MIN, 'open_job', f2),
    of('host_silent', 'critical', 'nas-closet is silent', 'Its containers may well run; what is shown was true when it was last heard', 29 * MIN, 'open_host', nas),
    of('disk_low', 'warning', 'hel1-build-01 is short of disk', '88 % used', 41 * MIN, 'open_host', hel),
    of('container_restarting', 'warning', 'invoice-renderer-worker-long-running-batch keeps restarting', '6 restarts', 8 * MIN, 'open_logs', f2, 'invoice-renderer-worker-long-running-batch'),
    of('container_restarting', 'warning', 'geoip-updater keeps restarting', '11 restarts', 52 * MIN, 'open_logs', ams, 'geoip-updater'),
    of('host_degraded', 'warning', 'lab-arm-04 is degraded', 'Memory limits cannot be enforced', 3 * DAY, 'open_host', lab),
  ];
}

export const events: FleetEvent[] = [
  ['exec_start: sh', 'checkout-api', f1, 120], ['start', 'thumbnailer.4.x9k2m1', lab, 48 * MIN], ['die', 'legacy-report-cron', f2, 8 * MIN], ['restart', 'search-indexer', f2, 15 * MIN], ['pause', 'mailer', nyc, 72 * MIN], ['health_status: unhealthy', 'checkout-api', f1, 61],
].map(([action, name, host, seconds]) => ({ at: ago(seconds as number), host: ref(host as Host), type: 'container', action: action as string, id: hex(64), name: name as string, image: 'shop/checkout-api:2.13.4', exit_code: action === 'die' ? '137' : '' })).sort((a, b) => b.at.localeCompare(a.at));

export const images: Image[] = hosts.flatMap((host) => {
  const used = new Map<string, number>();
  for (const container of containers) if (container.host.id === host.id) used.set(container.image, (used.get(container.image) ?? 0) + 1);
  return [...used, ['', 0] as [string, number]].map(([tag, count]) => ({ id: `sha256:${hex(64)}`, host: ref(host), tags: tag ? [tag] : [], digests: [], size_bytes: Math.floor((0.02 + random()) * GIB), created_at: ago(Math.floor(random() * 90 * DAY)), containers: count, labels: {}, stale: host.state === 'unknown' }));
});

export const volumes: Volume[] = hosts.flatMap((host, index) =>
  ['shop_pgdata', 'shop_media', 'grafana_data', 'c0ffee00'.repeat(8)].slice(0, 2 + (index % 3)).map((name) => ({ name, host: ref(host), driver: 'local', mountpoint: `/var/lib/mooring/agent/volumes/${name}/_data`, created_at: ago(Math.floor(random() * 90 * DAY)), labels: {}, options: {}, used_by: containers.filter((container) => container.host.id === host.id && container.mounts.some((mount) => mount.name === name)).map((container) => container.name), stale: host.state === 'unknown' })),
);

export const networks: Network[] = hosts.flatMap((host, index) =>
  ['bridge', 'host', 'none', 'shop_default', 'search_default'].map((name, n) => ({ id: hex(64), name, host: ref(host), driver: name === 'host' ? 'host' : name === 'none' ? 'null' : 'bridge', scope: 'local', internal: false, subnets: name === 'host' || name === 'none' ? [] : [`172.${17 + n + index}.0.0/16`], created_at: ago(40 * DAY), labels: {}, used_by: containers.filter((container) => container.host.id === host.id && container.networks.includes(name)).map((container) => container.name), stale: host.state === 'unknown' })),
);
