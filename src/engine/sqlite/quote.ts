/** The one way an identifier gets into SQL: a double-quoted typo would otherwise silently become a string. */

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
