/** The mock's log, terminal and stats sockets. */
import type { WebSocket } from 'ws';
import { ago } from './world.ts';

const red = '\u001b[1;31m';
const cyan = '\u001b[36m';
const yellow = '\u001b[1;33m';
const off = '\u001b[0m';

const samples: [number, string][] = [
  [1, `INFO ${cyan}http${off} POST /v2/orders 201 dur=48ms user=u_81c2 trace=9f21c0`],
  [1, `INFO ${cyan}http${off} GET /v2/baskets/b_55107 200 dur=11ms trace=9f21c4`],
  [1, 'DEBUG pool: acquired connection 14/20 after 0.4ms'],
  [1, `WARN ${yellow}slow query${off} dur=1.82s SELECT … FROM payments WHERE provider_ref = $1 AND settled_at IS NULL`],
  [1, `INFO ${cyan}http${off} POST /v2/payments/capture 202 dur=212ms provider=stripe trace=9f21d8`],
  [2, `ERROR ${red}payment provider timeout${off} after 5000ms, attempt 1 of 3 provider=adyen trace=9f21e1`],
  [1, 'INFO retry scheduled in=400ms trace=9f21e1'],
  [1, `INFO ${cyan}http${off} GET /healthz ${red}503${off} dur=5002ms from=edge-proxy dependency adyen: timeout`],
  [2, '{"level":"error","msg":"payment provider timeout","provider":"adyen","attempt":2,"final":false,"order":{"id":"o_2b91f7","total":18450,"currency":"EUR","items":4},"error":"ReadTimeout: pal-live: no bytes for 5.0 s","trace":"9f21e1"}'],
  [1, 'INFO job settle-batch picked up 240 rows queue=settle lag=1.2s'],
  [2, 'Traceback (most recent call last):'],
  [2, '  File "/srv/app/providers/adyen.py", line 212, in capture'],
  [2, '    resp = await self._post("/payments/capture", body, timeout=5.0)'],
];

export function logLine(n: number, at: string) {
  const [stream, text] = samples[n % samples.length]!;
  return { c: `1:${n}`, t: at, s: stream, l: text };
}

export function serveLogs(socket: WebSocket, url: URL): void {
  const cursor = url.searchParams.get('cursor');
  const tail = Number(url.searchParams.get('tail') ?? 500);
  let n = cursor ? Number(cursor.split(':')[1]) + 1 : 0;
  const perSecond = Number(process.env['MOORING_MOCK_LINES'] ?? 2);
  if (!cursor) {
    const lines = [];
    for (; n < tail; n++) lines.push(logLine(n, ago((tail - n) * 0.9)));
    socket.send(JSON.stringify({ lines, skipped: 0 }));
  }
  const timer = setInterval(() => {
    const count = perSecond >= 20 ? Math.round(perSecond / 20) : Math.random() < perSecond / 20 ? 1 : 0;
    if (count === 0) return;
    const lines = Array.from({ length: count }, () => logLine(n++, new Date().toISOString()));
    socket.send(JSON.stringify({ lines, skipped: 0 }));
  }, 50);
  socket.on('close', () => clearInterval(timer));
}

export function serveTerminal(socket: WebSocket): void {
  const prompt = '\u001b[1;32mapp@checkout-api\u001b[0m:\u001b[1;34m/srv/app\u001b[0m$ ';
  let line = '';
  socket.send(Buffer.from(prompt));
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (!binary) return;
    for (const character of data.toString()) {
      if (character === '\r') {
        const command = line.trim();
        line = '';
        if (command === 'exit') {
          socket.send(JSON.stringify({ type: 'exit', code: 0 }));
          socket.close(1000);
          return;
        }
        const output = command === 'ls -la' ? 'total 148\r\ndrwxr-xr-x 1 app  app   4096 Nov 21 09:58 \u001b[1;34m.\u001b[0m\r\ndrwxr-xr-x 1 root root  4096 Nov 21 09:58 \u001b[1;34m..\u001b[0m\r\n-rw-r--r-- 1 app  app    412 Nov 19 17:02 alembic.ini\r\ndrwxr-xr-x 2 app  app   4096 Nov 19 17:02 \u001b[1;34mconfig\u001b[0m\r\n-rwxr-xr-x 1 app  app   1837 Nov 19 17:02 \u001b[1;32mentrypoint.sh\u001b[0m\r\n' : command ? `sh: ${command}: not found\r\n` : '';
        socket.send(Buffer.from(`\r\n${output}${prompt}`));
      } else if (character === '\u007f') {
        if (line) {
          line = line.slice(0, -1);
          socket.send(Buffer.from('\b \b'));
        }
      } else {
        line += character;
        socket.send(Buffer.from(character));
      }
    }
  });
}

export function serveStats(socket: WebSocket): void {
  let rx = 4e9;
  let tx = 1.5e9;
  let read = 2e8;
  let write = 9e8;
  let step = 0;
  const send = (at: number) => {
    step += 1;
    rx += 2.4e6 + Math.random() * 1e6 + (step % 17 === 0 ? 4e6 : 0);
    tx += 9e5 + Math.random() * 5e5;
    read += Math.random() * 2e5;
    write += 1.2e6 + Math.random() * 9e5 + (step % 23 === 0 ? 3e6 : 0);
    const cpu = 58 + Math.sin(step / 9) * 9 + (step % 13 === 0 ? 60 : Math.random() * 12);
    socket.send(JSON.stringify({ t: new Date(at).toISOString(), cpu_percent: cpu, memory_bytes: (395 + Math.sin(step / 20) * 12 + Math.random() * 4) * 1024 ** 2, memory_limit_bytes: 512 * 1024 ** 2, rx_bytes: rx, tx_bytes: tx, read_bytes: read, write_bytes: write, pids: 46 }));
  };
  const history = Number(process.env['MOORING_MOCK_STATS'] ?? 0);
  for (let n = history; n > 0; n--) send(Date.now() - n * 1000);
  const timer = setInterval(() => send(Date.now()), 1000);
  socket.on('close', () => clearInterval(timer));
}
