/** Which SQLite reads the file, and which ones wrote it. */
import type { FileHeader } from "./file-header.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** Before it, two processes that reset one WAL at the same moment could corrupt the database. */
const SOUND_SINCE = "3.51.3";

export interface Versions {
  readonly sqlite: string;
  readonly bun: string;
  readonly usagedb: string;
  readonly header: FileHeader | null;
}

/** Compares the SQLite of this process with the one that last wrote the file. */
export function examineVersions({ sqlite, bun, usagedb, header }: Versions): TopicReport {
  const notes = new TopicNotes("versions");
  const writtenBy = header?.writtenBy ?? null;
  notes.fact("usagedb", usagedb);
  notes.fact("bun", bun);
  notes.fact("sqlite", sqlite);
  notes.fact("lastWrittenBySqlite", writtenBy);
  if (isOlder(sqlite, SOUND_SINCE)) {
    notes.problem(`SQLite ${sqlite}`, {
      observed: `it is older than ${SOUND_SINCE}, which mended a corruption of shared WAL files`,
      remedy: "Update Bun.",
    });
  }
  if (writtenBy !== null && writtenBy !== sqlite) {
    const what = {
      observed: `the file was last written by SQLite ${writtenBy}, this is ${sqlite}`,
      remedy: isOlder(writtenBy, SOUND_SINCE)
        ? `Find the program that writes it with SQLite ${writtenBy} and update it: before ${SOUND_SINCE} a shared WAL can be corrupted.`
        : "Nothing, when you have just updated; else see that all programs use one SQLite.",
    };
    if (isOlder(writtenBy, SOUND_SINCE)) notes.problem(`SQLite ${writtenBy}`, what);
    else notes.remark(`SQLite ${writtenBy}`, what);
  }
  return notes.report();
}

function isOlder(version: string, than: string): boolean {
  return Bun.semver.order(version, than) < 0;
}
