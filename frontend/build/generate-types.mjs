// Writes src/lib/generated/api.ts from openapi.json; `--check` only says whether it is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const target = 'src/lib/generated/api.ts';
const header = '// Generated from openapi.json by `npm run types`. Do not edit.\n\n';
const ast = await openapiTS(JSON.parse(readFileSync('openapi.json', 'utf8')), { alphabetize: true });
const text = header + astToString(ast);

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error(`${target} is stale: run \`npm run types\``);
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
