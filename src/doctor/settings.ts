/** The settings that the file itself keeps, and those of this connection, read back. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { APPLICATION_ID, applicationIdOf, tablesOf } from "../store/schema.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

const READ_BACK = [
  "journal_mode",
  "auto_vacuum",
  "page_size",
  "encoding",
  "synchronous",
  "foreign_keys",
  "busy_timeout",
  "trusted_schema",
  "user_version",
] as const;

const INCREMENTAL = 2;

/** Reads only. */
export function examineSettings(connection: Connection): TopicReport {
  const notes = new TopicNotes("settings");
  const values = new Map<string, string | number>();
  for (const pragma of READ_BACK) {
    const value = connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0];
    const shown = typeof value === "number" ? value : String(value);
    values.set(pragma, shown);
    notes.fact(pragma, shown);
  }
  const applicationId = applicationIdOf(connection);
  notes.fact("application_id", `0x${applicationId.toString(16)}`);
  // An empty file gets all of them with its first migration.
  if (tablesOf(connection).length === 0) return notes.report();
  if (applicationId !== APPLICATION_ID) {
    notes.problem("application_id", {
      observed: `it is 0x${applicationId.toString(16)}, ours is 0x${APPLICATION_ID.toString(16)}`,
      remedy: `See that nothing else writes the file, then run PRAGMA application_id = ${APPLICATION_ID}.`,
    });
  }
  const journal = values.get("journal_mode");
  if (journal !== "wal") {
    notes.problem("journal_mode", {
      observed: `it is ${journal}, expected wal: readers and writers wait for each other`,
      remedy: "Open it once with a command that writes, such as `usagedb sync`; it switches back.",
    });
  }
  if (values.get("auto_vacuum") !== INCREMENTAL) {
    notes.remark("auto_vacuum", {
      observed: "it is not incremental: space that is freed stays in the file",
      remedy: "Run `PRAGMA auto_vacuum = 2; VACUUM;` while nothing else has it open.",
    });
  }
  return notes.report();
}
