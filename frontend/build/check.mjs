// `npm run check`: types, lint, tests and build, two at a time (the machines that run this have two cores).
import { spawn } from 'node:child_process';

const lanes = [
  [['node', 'build/generate-types.mjs', '--check'], ['tsc', '--noEmit'], ['vitest', 'run']],
  [['eslint', '.', '--cache', '--cache-location', 'node_modules/.cache/eslint/', '--max-warnings', '0'], ['vite', 'build'], ['node', 'build/compress.mjs']],
];

function run([command, ...args]) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('close', (code) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${command} ${args.join(' ')} (${seconds} s)`);
      if (code !== 0) console.log(output);
      resolve(code === 0);
    });
  });
}

async function lane(steps) {
  let passed = true;
  for (const step of steps) passed = (await run(step)) && passed;
  return passed;
}

const results = await Promise.all(lanes.map(lane));
process.exitCode = results.every(Boolean) ? 0 : 1;
