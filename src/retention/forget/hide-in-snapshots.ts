/** Forgotten names in what other sessions' snapshots say of their moment: the sessions that were active last. */
import type { Connection } from "../../engine/sqlite/connection.ts";

const BATCH_ROWS = 500;
/** What stands where a name stood. */
const HIDDEN = "forgotten";

/** Puts another text in the place of each that is equal to one of `names`; returns how many snapshots it changed. */
export function hideInSnapshots(connection: Connection, names: ReadonlySet<string>): number {
  if (names.size === 0) return 0;
  const read = connection.prepare(
    "SELECT id, snapshot_data FROM usage_snapshots WHERE id > ? ORDER BY id LIMIT ?",
    "read snapshots",
  );
  const write = connection.prepare(
    "UPDATE usage_snapshots SET snapshot_data = ? WHERE id = ?",
    "forget names in snapshots",
  );
  let changed = 0;
  for (let last = -1; ;) {
    const rows = read.values(last, BATCH_ROWS);
    for (const [id, data] of rows) {
      last = Number(id);
      const hidden = hideIn(String(data), names);
      if (hidden === null) continue;
      write.run(hidden, last);
      changed++;
    }
    if (rows.length < BATCH_ROWS) return changed;
  }
}

/** The document without the names; null when it has none of them, and stays byte by byte as it is. */
function hideIn(data: string, names: ReadonlySet<string>): string | null {
  let isChanged = false;
  const document: unknown = JSON.parse(data, (_, value: unknown) => {
    if (typeof value !== "string" || !names.has(value)) return value;
    isChanged = true;
    return HIDDEN;
  });
  return isChanged ? JSON.stringify(document) : null;
}
