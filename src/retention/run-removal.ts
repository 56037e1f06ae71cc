/** Rows of maintenance runs that are too old; the newest of each job tells when it ran last. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { type Removal, removalWhere } from "./removal.ts";

export const OLD_RUNS = `started_at < ?2 AND outcome <> 'running' AND EXISTS (
  SELECT 1 FROM maintenance_runs AS later
  WHERE later.job = maintenance_runs.job
    AND (later.started_at > maintenance_runs.started_at
      OR later.started_at = maintenance_runs.started_at AND later.id > maintenance_runs.id))`;

/** Nothing is counted by them, so they are not folded. */
export function runsBefore(connection: Connection, cutoff: number): Removal {
  const remove = connection.prepare(
    `DELETE FROM maintenance_runs WHERE id IN (SELECT value FROM json_each(?1)) AND ${OLD_RUNS}`,
    "prune maintenance runs",
  );
  return removalWhere(connection, {
    table: "maintenance_runs",
    condition: OLD_RUNS,
    values: [cutoff],
    order: "id",
    action: "prune maintenance runs",
    remove: (ids) => ({ rows: remove.run(JSON.stringify(ids), cutoff).changes, bytes: 0 }),
  });
}
