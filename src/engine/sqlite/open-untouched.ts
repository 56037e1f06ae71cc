/** Opening somebody else's database so that nothing done with it can change a byte of it. */
import { Database } from "bun:sqlite";
import { Connection } from "./connection.ts";
import type { LinkRule } from "./file-links.ts";
import { checkPath, DEFAULT_BUSY_TIMEOUT_MS, prepareFile } from "./open.ts";
import { readerFailure } from "./reader-failure.ts";
import { toUsageDbError } from "./sqlite-errors.ts";

/**
 * Opens an existing file without the right to write: unlike `mode: "read"`, closing it does not even checkpoint a
 * WAL that another program left. Its owner may have it open meanwhile. SQLite may leave an empty `-wal` and a `-shm`
 * beside it, as it does for every reader.
 * @throws {InputError} DATABASE_PATH_INVALID.
 * @throws {OperationError} DATABASE_NOT_FOUND, DATABASE_NOT_SQLITE, DATABASE_BUSY, or DATABASE_READONLY in
 *   a folder where a reader may not make the files that WAL mode needs.
 */
export function openUntouched(
  path: string,
  busyTimeoutMs = DEFAULT_BUSY_TIMEOUT_MS,
  rule: LinkRule = {},
): Connection {
  const file = checkPath(path);
  prepareFile(file, "existing", rule);
  let connection: Connection | null = null;
  try {
    connection = new Connection(new Database(file, { readonly: true }), file);
    connection.runOnce(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    connection.runOnce("PRAGMA trusted_schema = OFF");
    connection.runOnce("PRAGMA query_only = ON");
    // Opening is lazy: the first read says whether this is a database at all.
    connection.readOnce("SELECT count(*) FROM sqlite_schema");
    return connection;
  } catch (error) {
    connection?.close();
    throw readerFailure(toUsageDbError(error, `open ${file}`, { path: file }), file);
  }
}
