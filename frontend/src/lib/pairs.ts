/** `key=value` lines, as labels and .env files have them. Comments, blank lines and `export` are left out; quotes are taken off. */
export function pairLines(text: string): [string, string][] {
  const pairs: [string, string][] = [];
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim().replace(/^export\s+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const at = line.indexOf('=');
    const key = (at < 0 ? line : line.slice(0, at)).trim();
    let value = at < 0 ? '' : line.slice(at + 1).trim();
    const quoted = /^(["'])(.*)\1$/.exec(value);
    if (quoted) value = quoted[2] ?? '';
    if (key !== '') pairs.push([key, value]);
  }
  return pairs;
}

export function parsePairs(text: string): Record<string, string> {
  return Object.fromEntries(pairLines(text));
}
