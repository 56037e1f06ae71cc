/** A hash that stays in the file: the first eight bytes of SHA-256, as SQLite's own integer. */

/** The same parts give the same number for ever, whatever the machine; parts are told apart. */
export function stableHash(...parts: readonly string[]): bigint {
  return new Bun.CryptoHasher("sha256").update(parts.join("\0")).digest().readBigInt64BE(0);
}
