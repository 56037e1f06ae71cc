/** The file of the earlier usage database, met where a database of ours is expected. */
import type { Connection } from "./connection.ts";

/**
 * The hint for such a file; undefined for every other one, and then the error's own hint is the better one.
 * Its `events` table is known by a column that ours shares and no other product is likely to have.
 */
export function earlierDatabaseHint(connection: Connection): string | undefined {
  const [[count] = []] = connection.readOnce(
    `SELECT
       (SELECT count(*) FROM pragma_table_info('events') WHERE name = 'hook_event_type')
       + (SELECT count(*) FROM pragma_table_info('usage_snapshots') WHERE name = 'snapshot_data')`,
  );
  if (count === 0) return undefined;
  return `Run \`usagedb migrate adopt ${connection.path}\` with a new file for --db: it brings every row over and leaves this file as it is.`;
}
