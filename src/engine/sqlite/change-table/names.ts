/** Names compared as SQLite does: without regard to case. */

export const isSame = (left: string, right: string): boolean =>
  left.toLowerCase() === right.toLowerCase();

export const has = (names: readonly string[], name: string): boolean =>
  names.some((other) => isSame(other, name));

export const isSameList = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((name, index) => isSame(name, right[index] ?? ""));
