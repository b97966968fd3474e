import { describe, expect, it } from 'vitest';
import { joinArgv, splitArgv } from './argv';
import { commandLines, commandText, parseCommand } from './command';
import { checks, emptyForm, parseMemory, portProblems, toRequest, type RunForm } from './form';

const full: RunForm = {
  ...emptyForm,
  host: 'h1',
  image: 'shop/storefront:2.14.0',
  name: 'canary',
  restart: 'unless-stopped',
  command: "serve --title 'Two words'",
  entrypoint: 'tini --',
  ports: [
    { hostIp: '', hostPort: '443', containerPort: '8443', protocol: 'tcp' },
    { hostIp: '127.0.0.1', hostPort: '53', containerPort: '53', protocol: 'udp' },
    { hostIp: '', hostPort: '', containerPort: '9102', protocol: 'tcp' },
  ],
  volumes: [
    { source: 'media', target: '/srv/media', readOnly: true },
    { source: '', target: '/tmp/scratch', readOnly: false },
  ],
  env: [{ name: 'GREETING', value: "it's $HOME" }],
  cpus: '1.5',
  memory: '1024',
  network: 'shop_default',
  user: '1000:1000',
  workdir: '/srv',
  labels: 'team=web\ntier=1',
  tty: true,
  stdin: true,
};

describe('command lines', () => {
  it('are split and joined as a shell does', () => {
    const words = ['a', "it's", 'two words', '', '$HOME', 'x=1'];
    expect(splitArgv(joinArgv(words))).toEqual(words);
    expect(splitArgv('a "b \\"c\\"" d\\ e \\\n f')).toEqual(['a', 'b "c"', 'd e', 'f']);
  });

  it('come back to the same form', () => {
    const text = commandText(commandLines(full, true));
    const { form, unknown } = parseCommand(text, 'h1');
    expect(unknown).toEqual([]);
    // Docker's --entrypoint takes one word; the rest belongs to the command, which means the same.
    expect({ ...form, entrypoint: '', command: '' }).toEqual({ ...full, entrypoint: '', command: '' });
    expect([...splitArgv(form.entrypoint), ...splitArgv(form.command)]).toEqual([...splitArgv(full.entrypoint), ...splitArgv(full.command)]);
  });

  it('are read as people write them', () => {
    const { form, unknown } = parseCommand('sudo docker run -itd --rm -p8080:80 -p 127.0.0.1:53:53/udp --name=web --net shop -m 512m -e A=1 --env B -v /etc/x:/x:ro --gpus all nginx:1.27 nginx -g "daemon off;"', 'h1');
    expect(parseCommand('docker run -m 134217728 --pids-limit 64 web', 'h').form).toMatchObject({ memory: '128', pids: '64' });
    expect(parseCommand('docker run -m 1.5g --pids-limit -1 web', 'h').form).toMatchObject({ memory: '1536', pids: '' });
    expect(form).toMatchObject({ tty: true, stdin: true, autoRemove: true, name: 'web', network: 'shop', memory: '512', image: 'nginx:1.27', command: "nginx -g 'daemon off;'" });
    expect(form.ports).toEqual([
      { hostIp: '', hostPort: '8080', containerPort: '80', protocol: 'tcp' },
      { hostIp: '127.0.0.1', hostPort: '53', containerPort: '53', protocol: 'udp' },
    ]);
    expect(form.env).toEqual([
      { name: 'A', value: '1' },
      { name: 'B', value: '' },
    ]);
    expect(form.volumes).toEqual([{ source: '/etc/x', target: '/x', readOnly: true }]);
    expect(unknown).toEqual(['--gpus all']);
  });
});

describe('the request', () => {
  it('has the units of the API', () => {
    expect(toRequest(full, true)).toMatchObject({
      memory_bytes: 1024 * 1024 ** 2,
      nano_cpus: 1_500_000_000,
      command: ['serve', '--title', 'Two words'],
      entrypoint: ['tini', '--'],
      env: ["GREETING=it's $HOME"],
      labels: { team: 'web', tier: '1' },
      restart_policy: { name: 'unless-stopped' },
      start: true,
    });
    expect(toRequest(full, true).ports?.[2]).toEqual({ host_ip: '', host_port: null, container_port: 9102, protocol: 'tcp' });
  });

  it('leaves out what is empty, so that the image decides', () => {
    const request = toRequest({ ...emptyForm, host: 'h', image: 'x' }, false);
    for (const key of ['name', 'command', 'entrypoint', 'user', 'network', 'memory_bytes', 'nano_cpus']) expect(request).not.toHaveProperty(key);
  });

  it.each([
    ['512', 512 * 1024 ** 2],
    ['1.5g', 1.5 * 1024 ** 3],
    ['64MiB', 64 * 1024 ** 2],
    ['lots', null],
  ])('reads memory %s', (text, bytes) => expect(parseMemory(text)).toBe(bytes));
});

describe('before it runs', () => {
  it('names a taken port and the next free one', () => {
    const taken = new Map([
      ['443/tcp', 'web-2'],
      ['8443/tcp', 'web-3'],
    ]);
    const problems = portProblems(full, taken);
    expect(problems[0]?.text).toContain('web-2');
    expect(problems[0]?.free).toBe(8444);
    expect(problems[1]).toBeNull();
  });

  it('refuses a port given twice', () => {
    const twice: RunForm = { ...emptyForm, ports: [full.ports[0]!, full.ports[0]!] };
    expect(portProblems(twice, new Map())[1]).not.toBeNull();
  });

  it('wants an image and a host that answers', () => {
    const wrong = checks(emptyForm, [], []).filter((check) => !check.ok);
    expect(wrong.map((check) => check.key)).toEqual(['image', 'host']);
  });

  it('knows that --rm and a restart policy exclude each other', () => {
    expect(checks({ ...full, autoRemove: true }, [], []).some((check) => check.key === 'rm' && !check.ok)).toBe(true);
  });
});
