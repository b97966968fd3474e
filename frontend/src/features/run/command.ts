/** The form as a `docker run` command, and a `docker run` command as the form. */
import { joinArgv, quoteWord, splitArgv } from './argv';
import { emptyForm, MIB, parseMemory, type RunForm } from './form';
import { pairLines } from '@/lib/pairs';

/** One option on one line; `flag` and `value` are coloured apart. */
export interface CommandLine {
  flag: string;
  value: string;
}

/** The command in lines, in the order people write it. */
export function commandLines(form: RunForm, start: boolean): CommandLine[] {
  const lines: CommandLine[] = [];
  const add = (flag: string, value = '') => lines.push({ flag, value: value === '' ? '' : quoteWord(value) });
  if (form.name) add('--name', form.name);
  if (form.stdin && form.tty) add('-it');
  else if (form.stdin) add('-i');
  else if (form.tty) add('-t');
  if (form.autoRemove) add('--rm');
  if (form.restart !== 'no') add('--restart', form.restart === 'on-failure' && form.maxRetry ? `on-failure:${form.maxRetry}` : form.restart);
  if (form.pull !== 'missing') add('--pull', form.pull);
  for (const row of form.ports) {
    if (row.containerPort === '') continue;
    const suffix = row.protocol === 'tcp' ? '' : `/${row.protocol}`;
    const outside = row.hostIp ? `${row.hostIp}:${row.hostPort}:` : row.hostPort ? `${row.hostPort}:` : '';
    add('-p', `${outside}${row.containerPort}${suffix}`);
  }
  for (const row of form.volumes) if (row.target) add('-v', `${row.source ? `${row.source}:` : ''}${row.target}${row.readOnly ? ':ro' : ''}`);
  for (const row of form.env) if (row.name) add('-e', `${row.name}=${row.value}`);
  if (form.cpus) add('--cpus', form.cpus);
  if (form.memory) add('-m', /^\d+(\.\d+)?$/.test(form.memory.trim()) ? `${form.memory.trim()}m` : form.memory.trim());
  if (form.pids) add('--pids-limit', form.pids);
  if (form.network) add('--network', form.network);
  if (form.user) add('-u', form.user);
  if (form.workdir) add('-w', form.workdir);
  if (form.hostname) add('-h', form.hostname);
  for (const [key, value] of pairLines(form.labels)) add('-l', value === '' ? key : `${key}=${value}`);
  if (form.privileged) add('--privileged');
  const [entry, ...rest] = splitArgv(form.entrypoint);
  if (entry !== undefined) add('--entrypoint', entry);
  const argv = [...rest, ...splitArgv(form.command)];
  return [{ flag: '', value: start ? 'docker run -d' : 'docker create' }, ...lines, { flag: '', value: [form.image ? quoteWord(form.image) : 'IMAGE', joinArgv(argv)].filter(Boolean).join(' ') }];
}

export function commandText(lines: readonly CommandLine[]): string {
  return lines.map((line, index) => `${index === 0 ? '' : '  '}${[line.flag, line.value].filter(Boolean).join(' ')}`).join(' \\\n');
}

const ALIAS: Record<string, string> = { p: 'publish', v: 'volume', e: 'env', m: 'memory', u: 'user', w: 'workdir', h: 'hostname', l: 'label', i: 'interactive', t: 'tty', d: 'detach', net: 'network' };
const SWITCHES = new Set(['interactive', 'tty', 'detach', 'rm', 'privileged', 'init', 'read-only', 'no-healthcheck', 'oom-kill-disable', 'publish-all', 'P', 'sig-proxy', 'quiet', 'q']);

type Apply = (form: RunForm, value: string) => boolean;

function publish(form: RunForm, value: string): boolean {
  const match = /^(?:(\[[^\]]+\]|\d+\.\d+\.\d+\.\d+):)?(?:(\d*):)?(\d+)(?:\/(tcp|udp))?$/.exec(value);
  if (!match) return false;
  form.ports.push({ hostIp: match[1]?.replace(/[[\]]/g, '') ?? '', hostPort: match[2] ?? '', containerPort: match[3] ?? '', protocol: match[4] === 'udp' ? 'udp' : 'tcp' });
  return true;
}

function volume(form: RunForm, value: string): boolean {
  const parts = value.split(':');
  if (parts.length === 1) form.volumes.push({ source: '', target: value, readOnly: false });
  else form.volumes.push({ source: parts[0] ?? '', target: parts[1] ?? '', readOnly: (parts[2] ?? '').split(',').includes('ro') });
  return true;
}

function mount(form: RunForm, value: string): boolean {
  const options = new Map(value.split(',').map((part) => part.split('=', 2) as [string, string | undefined]));
  const target = options.get('target') ?? options.get('dst') ?? options.get('destination');
  const type = options.get('type') ?? 'volume';
  if (target === undefined || (type !== 'volume' && type !== 'bind')) return false;
  form.volumes.push({ source: options.get('source') ?? options.get('src') ?? '', target, readOnly: options.has('readonly') || options.has('ro') });
  return true;
}

function restart(form: RunForm, value: string): boolean {
  const [name, retries] = value.split(':');
  if (name !== 'no' && name !== 'always' && name !== 'unless-stopped' && name !== 'on-failure') return false;
  form.restart = name;
  form.maxRetry = retries ?? '';
  return true;
}

const set =
  (key: 'name' | 'cpus' | 'network' | 'user' | 'workdir' | 'hostname'): Apply =>
  (form, value) => {
    form[key] = value;
    return true;
  };

const OPTIONS: Record<string, Apply> = {
  name: set('name'),
  cpus: set('cpus'),
  memory: (form, value) => {
    // Docker counts bytes where no unit is given, the field MiB; what is no whole number of MiB keeps its unit.
    const written = /^\d+$/.test(value) ? `${value}b` : value;
    const bytes = parseMemory(written);
    form.memory = bytes !== null && bytes % MIB === 0 ? String(bytes / MIB) : written;
    return true;
  },
  'pids-limit': (form, value) => {
    // 0 and -1 are Docker's words for none.
    form.pids = Number(value) > 0 ? value : '';
    return true;
  },
  network: set('network'),
  user: set('user'),
  workdir: set('workdir'),
  hostname: set('hostname'),
  publish,
  volume,
  mount,
  restart,
  env: (form, value) => {
    const at = value.indexOf('=');
    form.env.push(at < 0 ? { name: value, value: '' } : { name: value.slice(0, at), value: value.slice(at + 1) });
    return true;
  },
  label: (form, value) => {
    form.labels = [form.labels, value].filter(Boolean).join('\n');
    return true;
  },
  pull: (form, value) => {
    if (value !== 'missing' && value !== 'always' && value !== 'never') return false;
    form.pull = value;
    return true;
  },
  entrypoint: (form, value) => {
    form.entrypoint = quoteWord(value);
    return true;
  },
};

/** Fills a form from a command. What it does not know is named in `unknown` and left out; the host is the form's own. */
export function parseCommand(text: string, host: string): { form: RunForm; unknown: string[] } {
  const form: RunForm = { ...emptyForm, host, ports: [], volumes: [], env: [] };
  const unknown: string[] = [];
  const words = splitArgv(text.replace(/^\s*#.*$/gm, ''));
  let at = 0;
  if (words[at] === 'sudo') at += 1;
  if (words[at] === 'docker' || words[at] === 'podman') at += 1;
  if (words[at] === 'container') at += 1;
  if (words[at] === 'run' || words[at] === 'create') at += 1;
  for (; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!word.startsWith('-') || word === '-') break;
    if (word === '--') {
      at += 1;
      break;
    }
    // Short switches may be joined (-it), and a short option may carry its value (-p8080:80).
    const long = word.startsWith('--');
    const body = word.slice(long ? 2 : 1);
    const equals = body.indexOf('=');
    const name = long ? (equals < 0 ? body : body.slice(0, equals)) : (body[0] ?? '');
    const option = long ? (ALIAS[name] && name.length > 1 ? (ALIAS[name] ?? name) : name) : (ALIAS[name] ?? name);
    if (!long && body.length > 1 && SWITCHES.has(option)) {
      words.splice(at + 1, 0, ...body.slice(1).split('').map((letter) => `-${letter}`));
    }
    if (SWITCHES.has(option)) {
      if (option === 'interactive') form.stdin = true;
      else if (option === 'tty') form.tty = true;
      else if (option === 'rm') form.autoRemove = true;
      else if (option === 'privileged') form.privileged = true;
      else if (option !== 'detach') unknown.push(long ? word : `-${name}`);
      continue;
    }
    let value: string;
    if (long && equals >= 0) value = body.slice(equals + 1);
    else if (!long && body.length > 1) value = body.slice(1).replace(/^=/, '');
    else value = words[++at] ?? '';
    const apply = OPTIONS[option];
    if (!apply?.(form, value)) unknown.push(`${word}${equals < 0 && long ? ` ${value}` : ''}`);
  }
  form.image = words[at] ?? '';
  form.command = joinArgv(words.slice(at + 1));
  return { form, unknown };
}
