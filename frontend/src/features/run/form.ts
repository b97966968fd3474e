/** The run form as data: what it asks for, what the API takes, and what is wrong with it. */
import type { Container, Host, RunRequest } from '@/lib/api/types';
import { formatBytes } from '@/lib/format';
import { parsePairs } from '@/lib/pairs';
import { isSilent } from '@/lib/state';
import { run as words } from '@/messages';
import { splitArgv } from './argv';

export interface PortRow {
  hostIp: string;
  hostPort: string;
  containerPort: string;
  protocol: 'tcp' | 'udp';
}
export interface VolumeRow {
  source: string;
  target: string;
  readOnly: boolean;
}
export interface EnvRow {
  name: string;
  value: string;
}

export interface RunForm {
  host: string;
  image: string;
  pull: 'missing' | 'always' | 'never';
  name: string;
  restart: 'no' | 'unless-stopped' | 'always' | 'on-failure';
  maxRetry: string;
  command: string;
  entrypoint: string;
  ports: PortRow[];
  volumes: VolumeRow[];
  env: EnvRow[];
  cpus: string;
  memory: string;
  pids: string;
  network: string;
  user: string;
  workdir: string;
  hostname: string;
  labels: string;
  tty: boolean;
  stdin: boolean;
  autoRemove: boolean;
  privileged: boolean;
}

export const emptyForm: RunForm = {
  host: '',
  image: '',
  pull: 'missing',
  name: '',
  restart: 'no',
  maxRetry: '',
  command: '',
  entrypoint: '',
  ports: [],
  volumes: [],
  env: [],
  cpus: '',
  memory: '',
  pids: '',
  network: '',
  user: '',
  workdir: '',
  hostname: '',
  labels: '',
  tty: false,
  stdin: false,
  autoRemove: false,
  privileged: false,
};

export const MIB = 1024 ** 2;
const SUFFIX: Record<string, number> = { b: 1, k: 1024, m: MIB, g: 1024 ** 3 };

/** "512", "512m", "1.5g": megabytes when no unit is given (the form's field says MiB). Null when it is no size. */
export function parseMemory(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmg])?i?b?$/i.exec(text.trim());
  if (!match) return null;
  return Math.round(Number(match[1]) * (SUFFIX[(match[2] ?? 'm').toLowerCase()] ?? MIB));
}

export function toRequest(form: RunForm, start: boolean): RunRequest {
  const command = splitArgv(form.command);
  const entrypoint = splitArgv(form.entrypoint);
  const memory = form.memory === '' ? null : parseMemory(form.memory);
  const labels = parsePairs(form.labels);
  return {
    host: form.host,
    image: form.image.trim(),
    ...(form.name ? { name: form.name } : {}),
    ...(command.length > 0 ? { command } : {}),
    ...(entrypoint.length > 0 ? { entrypoint } : {}),
    env: form.env.filter((row) => row.name !== '').map((row) => `${row.name}=${row.value}`),
    ports: form.ports
      .filter((row) => row.containerPort !== '')
      .map((row) => ({ host_ip: row.hostIp, host_port: row.hostPort === '' ? null : Number(row.hostPort), container_port: Number(row.containerPort), protocol: row.protocol })),
    volumes: form.volumes.filter((row) => row.target !== '').map((row) => ({ source: row.source, target: row.target, read_only: row.readOnly })),
    restart_policy: { name: form.restart, max_retry: form.restart === 'on-failure' ? Number(form.maxRetry || 0) : 0 },
    ...(memory === null ? {} : { memory_bytes: memory }),
    ...(form.cpus === '' ? {} : { nano_cpus: Math.round(Number(form.cpus) * 1e9) }),
    ...(form.pids === '' ? {} : { pids_limit: Number(form.pids) }),
    labels,
    tty: form.tty,
    open_stdin: form.stdin,
    ...(form.user ? { user: form.user } : {}),
    ...(form.workdir ? { workdir: form.workdir } : {}),
    ...(form.network ? { network: form.network } : {}),
    ...(form.hostname ? { hostname: form.hostname } : {}),
    auto_remove: form.autoRemove,
    privileged: form.privileged,
    start,
    pull: form.pull,
  };
}

export interface Check {
  key: string;
  ok: boolean;
  text: string;
}

export interface PortProblem {
  text: string;
  free: number | null;
}

const validPort = (text: string): boolean => /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;

/** Who on this host publishes what: "443/tcp" → the container's name. */
export function takenPorts(containers: readonly Container[], host: string): Map<string, string> {
  const taken = new Map<string, string>();
  for (const container of containers) {
    if (container.host.id !== host || (container.state !== 'running' && container.state !== 'restarting' && container.state !== 'paused')) continue;
    for (const port of container.ports) if (port.public !== null) taken.set(`${port.public}/${port.type}`, container.name);
  }
  return taken;
}

/** The problem of each port row, or null; with the next free port as the way out. */
export function portProblems(form: RunForm, taken: ReadonlyMap<string, string>): (PortProblem | null)[] {
  const used = new Set<string>();
  return form.ports.map((row) => {
    if (row.containerPort !== '' && !validPort(row.containerPort)) return { text: words.containerPort, free: null };
    if (row.hostPort === '') return null;
    if (!validPort(row.hostPort)) return { text: words.hostPort, free: null };
    const key = `${row.hostPort}/${row.protocol}`;
    const by = taken.get(key);
    const twice = used.has(key);
    used.add(key);
    if (!by && !twice) return null;
    let free = Number(row.hostPort) < 1024 ? Number(row.hostPort) + 8000 : Number(row.hostPort) + 1;
    while (free < 65_535 && (taken.has(`${free}/${row.protocol}`) || used.has(`${free}/${row.protocol}`))) free += 1;
    return { text: by ? words.taken(by) : words.takenHere, free };
  });
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** What is true before it runs; a false one is what has to be mended first. */
export function checks(form: RunForm, hosts: readonly Host[], containers: readonly Container[]): Check[] {
  const list: Check[] = [];
  const host = hosts.find((each) => each.id === form.host);
  const c = words.check;
  list.push({ key: 'image', ok: form.image.trim() !== '', text: form.image.trim() !== '' ? c.image : c.noImage });
  list.push(host && !isSilent(host) ? { key: 'host', ok: true, text: c.host(host.name) } : { key: 'host', ok: false, text: c.noHost });
  if (form.name !== '') {
    const taken = containers.some((container) => container.host.id === form.host && container.name === form.name);
    if (!NAME.test(form.name)) list.push({ key: 'name', ok: false, text: c.badName });
    else list.push({ key: 'name', ok: !taken, text: taken ? c.nameTaken(form.name) : c.nameFree(form.name) });
  }
  const problems = portProblems(form, takenPorts(containers, form.host));
  const bad = form.ports.filter((_row, index) => problems[index]);
  if (bad.length > 0) for (const row of bad) list.push({ key: `port-${row.hostPort}`, ok: false, text: c.portTaken(Number(row.hostPort)) });
  else {
    const wanted = form.ports.filter((row) => row.hostPort !== '').map((row) => row.hostPort);
    if (wanted.length > 0) list.push({ key: 'ports', ok: true, text: c.portFree(wanted.length === 1 ? `Port ${wanted[0] ?? ''} is` : `Ports ${wanted.join(', ')} are`) });
  }
  if (form.memory !== '') {
    const bytes = parseMemory(form.memory);
    if (bytes === null) list.push({ key: 'memory', ok: false, text: words.memory });
    else if (host?.memory_bytes != null && host.memory_used_bytes !== null) {
      const free = host.memory_bytes - host.memory_used_bytes;
      const size = formatBytes(bytes);
      list.push(bytes <= free ? { key: 'memory', ok: true, text: c.memoryFits(size, formatBytes(free), host.name) } : { key: 'memory', ok: bytes <= host.memory_bytes, text: c.memoryTight(size, formatBytes(free), host.name) });
    }
  }
  if (form.cpus !== '' && !(Number(form.cpus) > 0)) list.push({ key: 'cpus', ok: false, text: words.cpus });
  if (form.pids !== '' && !/^[1-9]\d*$/.test(form.pids)) list.push({ key: 'pids', ok: false, text: words.pids });
  if (form.autoRemove && form.restart !== 'no') list.push({ key: 'rm', ok: false, text: c.autoRemoveRestart });
  return list;
}

