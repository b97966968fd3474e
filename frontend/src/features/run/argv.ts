/** Splitting and joining a command line as a POSIX shell does, without expansion. */

const SAFE = /^[\w@%+=:,./-]+$/;

export function quoteWord(word: string): string {
  if (word !== '' && SAFE.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export const joinArgv = (words: readonly string[]): string => words.map(quoteWord).join(' ');

/** Words of a command line: quotes, backslashes and line continuations are understood; `$` and globs stay as they are. */
export function splitArgv(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  let quote: "'" | '"' | null = null;
  const source = text.replace(/\\\r?\n/g, ' ');
  for (let at = 0; at < source.length; at++) {
    const character = source[at] ?? '';
    if (quote === "'") {
      if (character === "'") quote = null;
      else word += character;
    } else if (quote === '"') {
      if (character === '"') quote = null;
      else if (character === '\\' && /["\\$`]/.test(source[at + 1] ?? '')) word += source[++at] ?? '';
      else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      inWord = true;
    } else if (character === '\\') {
      word += source[++at] ?? '';
      inWord = true;
    } else if (/\s/.test(character)) {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
    } else {
      word += character;
      inWord = true;
    }
  }
  if (inWord) words.push(word);
  return words;
}
