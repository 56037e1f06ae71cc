/** Transcripts whose very names tell of forgotten sessions. */
import type { Connection } from "../../engine/sqlite/connection.ts";

/**
 * Deletes the rows of transcripts that are named after one of the sessions and from which nothing else was read;
 * returns their paths, which are not to be read again.
 */
export function forgetSources(connection: Connection, sessions: readonly string[]): string[] {
  const inUse = new Set(
    connection
      .readOnce("SELECT DISTINCT source_id FROM usage_message_rows WHERE source_id IS NOT NULL")
      .map(([id]) => id),
  );
  const candidates = connection.readOnce(
    `SELECT DISTINCT s.source_id, s.path
     FROM usage_sources AS s, temp.forgetting AS f
     WHERE instr(s.path, f.session_id) > 0`,
  );
  const forgotten: string[] = [];
  for (const [id, path] of candidates) {
    if (inUse.has(id ?? null) || !sessions.some((session) => isNamedAfter(String(path), session)))
      continue;
    connection
      .prepare("DELETE FROM usage_sources WHERE source_id = ?", "forget a transcript")
      .run(id ?? null);
    forgotten.push(String(path));
  }
  return forgotten;
}

/** The session's id stands in the path as a word of its own. */
function isNamedAfter(path: string, session: string): boolean {
  for (let at = path.indexOf(session); at >= 0; at = path.indexOf(session, at + 1)) {
    const [before, after] = [path[at - 1] ?? "/", path[at + session.length] ?? "/"];
    if (!/[A-Za-z0-9]/.test(before + after)) return true;
  }
  return false;
}
