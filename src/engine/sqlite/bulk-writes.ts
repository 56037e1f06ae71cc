/** Settings for a while of many writes to all over the file. */
import type { Connection } from "./connection.ts";

/** Pages that one transaction changes have to fit, else SQLite writes them several times over. */
const CACHE_KIB = 8192;
/** Pages in the WAL before it is copied into the file: a page that changes again meanwhile is copied once. */
const CHECKPOINT_PAGES = 12_000;

/** Runs `work` with a page cache and a WAL that are larger than usual, and puts back what was set before. */
export async function withBulkWrites<T>(
  connection: Connection,
  work: () => Promise<T>,
): Promise<T> {
  const settings = [
    ["cache_size", -CACHE_KIB],
    ["wal_autocheckpoint", CHECKPOINT_PAGES],
  ] as const;
  const before = settings.map(([name]) => connection.readOnce(`PRAGMA ${name}`)[0]?.[0]);
  for (const [name, value] of settings) connection.runOnce(`PRAGMA ${name} = ${value}`);
  try {
    return await work();
  } finally {
    if (!connection.isClosed)
      for (const [index, [name]] of settings.entries())
        connection.runOnce(`PRAGMA ${name} = ${Number(before[index])}`);
  }
}
