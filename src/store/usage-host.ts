/** The name by which other machines know this database. */
import type { Connection } from "../engine/sqlite/connection.ts";

export const USAGE_HOST_COLUMNS = ["id", "host", "created_at"] as const;

/**
 * The database's own name, made up when it is first asked for: random, because a machine's name says who one is and
 * is not unique. Writes at the first call.
 */
export function ownHost(connection: Connection, now: () => number): string {
  const read = (): unknown =>
    connection.prepare("SELECT host FROM usage_host", "read the host").values()[0]?.[0];
  const known = read();
  if (typeof known === "string") return known;
  return connection.transaction(() => {
    connection
      .prepare(
        "INSERT OR IGNORE INTO usage_host (id, host, created_at) VALUES (1, ?, ?)",
        "store the host",
      )
      .run(crypto.randomUUID(), now());
    return String(read());
  }, "store the host");
}
