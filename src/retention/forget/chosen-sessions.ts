/** The sessions that a request to forget takes whole, in a table of the connection's own. */
import type { Binding, Connection } from "../../engine/sqlite/connection.ts";
import { compactedTexts } from "./search-compacted.ts";
import type { ForgetTarget } from "./target.ts";

/**
 * `temp.forgetting`: sessions with the numbers of their old names and, where sums stay, of their new ones;
 * `temp.forgetting_events`: compacted events of a project, which no SQL can tell.
 */
export function chooseSessions(connection: Connection, target: ForgetTarget): string[] {
  connection.runOnce("DROP TABLE IF EXISTS temp.forgetting");
  connection.runOnce(
    "CREATE TEMP TABLE forgetting (session_id TEXT PRIMARY KEY, old_id INTEGER, new_id INTEGER, alias TEXT)",
  );
  connection.runOnce("DROP TABLE IF EXISTS temp.forgetting_events");
  connection.runOnce("CREATE TEMP TABLE forgetting_events (id INTEGER PRIMARY KEY)");
  if (target.kind === "session") run(connection, "VALUES (?, NULL, NULL, NULL)", target.sessionId);
  else if (target.kind === "project") chooseOfProject(connection, target.project);
  else chooseBefore(connection, target.beforeMs);
  connection.runOnce(
    "UPDATE temp.forgetting SET old_id = (SELECT name_id FROM usage_names WHERE name = session_id)",
  );
  return connection
    .readOnce("SELECT session_id FROM temp.forgetting ORDER BY session_id")
    .map(([session]) => String(session));
}

function run(connection: Connection, select: string, ...values: Binding[]): void {
  connection
    .prepare(`INSERT OR IGNORE INTO temp.forgetting ${select}`, "choose sessions")
    .run(...values);
}

const NAME_ID = "(SELECT name_id FROM usage_names WHERE name = ?1)";

/** An event's folder is the project or lies below it. */
export const IS_IN_PROJECT = `(payload ->> '$.cwd' = ?1 OR substr(payload ->> '$.cwd', 1, length(?1) + 1) = ?1 || '/'
  OR id IN (SELECT id FROM temp.forgetting_events))`;

function chooseCompactedEvents(connection: Connection, project: string): void {
  const choose = connection.prepare(
    "INSERT INTO temp.forgetting_events (id) VALUES (?)",
    "choose events",
  );
  for (const { id, text } of compactedTexts(connection, "events", "payload")) {
    const payload: unknown = JSON.parse(new TextDecoder().decode(text));
    const cwd =
      typeof payload === "object" && payload !== null && "cwd" in payload ? payload.cwd : null;
    if (cwd === project || (typeof cwd === "string" && cwd.startsWith(`${project}/`)))
      choose.run(id);
  }
}

/** A session that worked for another project as well is not this project's alone. */
function chooseOfProject(connection: Connection, project: string): void {
  chooseCompactedEvents(connection, project);
  run(connection, "SELECT session_id, NULL, NULL, NULL FROM sessions WHERE project = ?", project);
  run(
    connection,
    `SELECT DISTINCT n.name, NULL, NULL, NULL
     FROM usage_session_totals AS m
     JOIN usage_names AS n ON n.name_id = m.session_name_id
     WHERE m.project_name_id = ${NAME_ID}`,
    project,
  );
  run(
    connection,
    `SELECT DISTINCT e.session_id, NULL, NULL, NULL
     FROM events AS e
     JOIN sessions AS s ON s.session_id = e.session_id
     WHERE s.project IS NULL AND ${IS_IN_PROJECT}`,
    project,
  );
  connection
    .prepare(
      `DELETE FROM temp.forgetting
       WHERE session_id IN (
         SELECT n.name
         FROM usage_session_totals AS m
         JOIN usage_names AS n ON n.name_id = m.session_name_id
         WHERE m.project_name_id IS NOT ${NAME_ID}
       )`,
      "choose sessions",
    )
    .run(project);
}

/** Those of which nothing is younger. */
function chooseBefore(connection: Connection, beforeMs: number): void {
  run(
    connection,
    `SELECT session_id, NULL, NULL, NULL
     FROM (
       SELECT session_id, coalesce(last_seen_at, started_at, updated_at) AS at FROM sessions
       UNION ALL
       SELECT n.name, m.last_at
       FROM usage_session_totals AS m
       JOIN usage_names AS n ON n.name_id = m.session_name_id
       UNION ALL SELECT session_id, timestamp FROM events
       UNION ALL SELECT session_id, timestamp FROM usage_snapshots
       UNION ALL SELECT session_id, last_at FROM usage_snapshot_rollups
       UNION ALL SELECT session_id, observed_at FROM usage_limit_samples WHERE session_id <> ''
     )
     GROUP BY session_id
     HAVING max(at) < ? AND session_id NOT GLOB 'forgotten-*'`,
    beforeMs,
  );
}
