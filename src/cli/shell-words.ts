/** Words of a POSIX shell's command line, written and read again. */

/** A word that the shell takes for this very text. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The words of a line without any operator, substitution or expansion; null for every other line. */
export function shellWords(line: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  const pieces = /\s+|'([^']*)'|"([^"\\$`]*)"|\\(.)|([^\s'"\\|&;<>$`()*?[\]{}~#!\n]+)|./gsy;
  for (const [piece, single, double, escaped, plain] of line.trim().matchAll(pieces)) {
    const text = single ?? double ?? escaped ?? plain;
    if (text !== undefined) word = (word ?? "") + text;
    else if (/^[ \t]+$/.test(piece) && word !== null) {
      words.push(word);
      word = null;
    } else return null;
  }
  if (word !== null) words.push(word);
  return words;
}
