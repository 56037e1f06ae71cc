/** Where the bytes are. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Connection } from "../engine/sqlite/connection.ts";
import { ballastBytes } from "../engine/sqlite/ballast.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** Tables and indexes named one by one; the rest is one line. */
const LISTED = 12;
/** A file that could give back this share, and this much, is worth a vacuum. */
const FREE_SHARE = 0.25;
const FREE_BYTES = 16 * 1024 * 1024;
/** A backup, or a migration's safety copy, needs as much again. */
const ROOM_FACTOR = 1;

/** Reads every page's header once: about 0.3 s a gigabyte. */
export function examineSpace(connection: Connection): TopicReport {
  const notes = new TopicNotes("space");
  const number = (pragma: string): number =>
    Number(connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
  const pageSize = number("page_size");
  const total = number("page_count") * pageSize;
  const free = number("freelist_count") * pageSize;
  notes.fact("databaseBytes", total);
  notes.fact("freeBytes", free);
  notes.fact("ballastBytes", ballastBytes(connection.path));
  notes.fact("maxBytes", boundOf(connection));
  const sizes = connection
    .readOnce(
      "SELECT name, pgsize, ncell FROM dbstat WHERE aggregate = TRUE ORDER BY pgsize DESC, name",
    )
    .map(([name, bytes]) => ({ name: String(name), bytes: Number(bytes) }));
  const rest = sizes.slice(LISTED);
  notes.fact("objects", [
    ...sizes.slice(0, LISTED),
    ...(rest.length === 0
      ? []
      : [{ name: `${rest.length} more`, bytes: rest.reduce((sum, { bytes }) => sum + bytes, 0) }]),
  ]);
  if (free > FREE_BYTES && free > total * FREE_SHARE) {
    notes.problem("free pages", {
      observed: `${Math.round((free / total) * 100)} % of the file is free`,
      remedy: "Run `usagedb maintain vacuum` to give it back.",
      fix: "maintain",
    });
  }
  checkDisk(notes, connection.path, total);
  return notes.report();
}

/** What maintenance works towards; null when nothing. A cap by `max_page_count` is the opener's, and no file has one. */
function boundOf(connection: Connection): number | null {
  const hasPolicies = connection.readOnce("PRAGMA table_info(retention_policies)").length > 0;
  if (!hasPolicies) return null;
  const sql =
    "SELECT value FROM retention_policies WHERE subject = 'database' AND rule = 'max_bytes'";
  const bytes = connection.readOnce(sql)[0]?.[0];
  return typeof bytes === "number" ? bytes : null;
}

function checkDisk(notes: TopicNotes, path: string, total: number): void {
  const { bavail, bsize } = statfsSync(dirname(path));
  const room = bavail * bsize;
  notes.fact("diskFreeBytes", room);
  if (room >= total * ROOM_FACTOR) return;
  notes.problem("disk", {
    observed: `${room} bytes are free beside a database of ${total}: no room for a backup`,
    remedy: "Free some space, or keep backups on another disk.",
  });
}
