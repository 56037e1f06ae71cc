/** Events and snapshots with texts of every kind that the job `compact` has to bring back byte for byte. */
import type { UsageDb } from "../../src/index.ts";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

const LONG = "the same words over and over, as tools answer; ".repeat(40);

/** JSON texts, some too short, some that zstd does not make smaller. */
export function texts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    switch (index % 6) {
      case 0:
        return JSON.stringify({ index, LONG });
      case 1:
        return JSON.stringify({ index });
      case 2:
        return `{ "index" : ${index},\n "spaced": "${"äö€😀 \\u0000 \\ud800 ".repeat(80)}" }`;
      case 3:
        return JSON.stringify(noise(540));
      case 4:
        return JSON.stringify({ usagedb_compacted: index + 1, LONG });
      default:
        return JSON.stringify([index, LONG.repeat(30)]);
    }
  });
}

/** Every character that JSON has as it is, by chance: a zstd frame of it is hardly shorter. */
function noise(length: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (byte) => String.fromCharCode(35 + (byte % 57) + (byte > 127 ? 34 : 0)))
    .join("")
    .replaceAll("\\", "/");
}

/** One event a minute, the newest `endAt`; every third with a chat. */
export function addEvents(db: UsageDb, payloads: readonly string[], endAt: number): void {
  db.connection.transaction(() => {
    for (const [index, payload] of payloads.entries())
      db.events.insert({
        source_app: "app",
        session_id: `s${index % 3}`,
        hook_event_type: "PostToolUse",
        payload,
        chat: index % 3 === 0 ? payload : null,
        timestamp: endAt - (payloads.length - 1 - index) * 60_000,
        dedupe_key: `${endAt}-${index}`,
      });
  });
}

/** Rows of `events` that are compacted. */
export function compactedCount(db: UsageDb, table = "events", column = "payload"): number {
  const sql = `SELECT count(*) FROM ${table} WHERE ${column}_zstd IS NOT NULL`;
  return Number(db.connection.readOnce(sql)[0]?.[0]);
}
