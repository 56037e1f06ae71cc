/** Forgotten names in what other sessions' snapshots say of their moment: the sessions that were active last. */
import type { Connection } from "../../engine/sqlite/connection.ts";
import {
  checkedFrame,
  COMPACT_LEVEL,
  compactedMarker,
  expandText,
} from "../../store/compacted-text.ts";

const BATCH_ROWS = 500;
/** What stands where a name stood. */
const HIDDEN = "forgotten";

/** Puts another text in the place of each that is equal to one of `names`; returns how many snapshots it changed. */
export function hideInSnapshots(connection: Connection, names: ReadonlySet<string>): number {
  if (names.size === 0) return 0;
  const read = connection.prepare(
    "SELECT id, coalesce(snapshot_data_zstd, snapshot_data) FROM usage_snapshots WHERE id > ? ORDER BY id LIMIT ?",
    "read snapshots",
  );
  const write = connection.prepare(
    "UPDATE usage_snapshots SET snapshot_data = ?, snapshot_data_zstd = ? WHERE id = ?",
    "forget names in snapshots",
  );
  let changed = 0;
  for (let last = -1; ;) {
    const rows = read.values(last, BATCH_ROWS);
    for (const [id, data] of rows) {
      last = Number(id);
      const isCompacted = data instanceof Uint8Array;
      const hidden = hideIn(isCompacted ? expandText(data) : String(data), names);
      if (hidden === null) continue;
      if (isCompacted) write.run(...compacted(hidden), last);
      else write.run(hidden, null, last);
      changed++;
    }
    if (rows.length < BATCH_ROWS) return changed;
  }
}

/** As the job `compact` would have it, which does not come by again. */
function compacted(text: string): [marker: string, frame: Uint8Array] {
  const bytes = Buffer.from(text);
  const frame = Bun.zstdCompressSync(bytes, { level: COMPACT_LEVEL });
  return [compactedMarker(bytes.length), checkedFrame(frame, bytes)];
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
