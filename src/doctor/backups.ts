/** Copies beside the database, and whether they are what they were. */
import { lstatSync } from "node:fs";
import { hashBeside, hashFile } from "../engine/sqlite/backup.ts";
import { type BackupFolder, findBackupFolder } from "../engine/sqlite/backup-folder.ts";
import { safetyBackups } from "../engine/sqlite/safety-backup.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** More than this is not read again at every look; the newest come first. */
const MAX_HASHED_BYTES = 8 * 1024 * 1024 * 1024;
const OLD_MS = 30 * 86_400_000;

interface Copy {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedAt: number;
}

/** Reads the copies' bytes; never the database's. */
export function examineBackups(database: string, now: number): TopicReport {
  const notes = new TopicNotes("backups");
  const folder = findBackupFolder(database);
  const copies = backupsOf(folder, database);
  for (const { path, observed } of folder?.strange ?? [])
    notes.remark(path, {
      observed: `${observed}, so nobody can tell whether it is whole`,
      remedy: "Look at it, and move it away; maintenance neither deletes nor counts it.",
    });
  const rows = [];
  let budget = MAX_HASHED_BYTES;
  for (const { path, sizeBytes, modifiedAt } of copies) {
    budget -= sizeBytes;
    const state = budget < 0 ? "not checked" : stateOf(path);
    rows.push({ path, sizeBytes, modifiedAt, state });
    if (state === "not checked") notes.notChecked(`${path}: there are gigabytes of newer ones`);
    if (state === "changed") {
      notes.problem(path, {
        observed: "its SHA-256 is not the one written beside it",
        remedy: "Do not restore it; make a new one with `usagedb backup` and move this away.",
      });
    }
    if (state === "without hash") {
      notes.remark(path, {
        observed: "there is no SHA-256 beside it, so nobody can tell whether it is whole",
        remedy: "Make a new one with `usagedb backup`.",
      });
    }
  }
  notes.fact("backups", rows);
  const newest = Math.max(
    0,
    ...rows.flatMap(({ state, modifiedAt }) => (state === "whole" ? [modifiedAt] : [])),
  );
  notes.fact("newestWholeAt", newest === 0 ? null : newest);
  if (now - newest > OLD_MS) {
    notes.remark("backups", {
      observed:
        newest === 0 ? "there is none" : `the newest is of ${new Date(newest).toISOString()}`,
      remedy: "Run `usagedb backup`, or `usagedb maintain install` to have one made regularly.",
    });
  }
  return notes.report();
}

/** Newest first: those of the job and those before migrations, by the rules of whoever makes them. */
function backupsOf(folder: BackupFolder | null, database: string): Copy[] {
  const paths = [...safetyBackups(database), ...(folder?.backups ?? []).map(({ path }) => path)];
  return paths
    .flatMap((path) => {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      return stat?.isFile() === true
        ? [{ path, sizeBytes: stat.size, modifiedAt: Math.trunc(stat.mtimeMs) }]
        : [];
    })
    .sort((left, right) => right.modifiedAt - left.modifiedAt);
}

function stateOf(path: string): "whole" | "changed" | "without hash" {
  const expected = hashBeside(path);
  if (expected === null) return "without hash";
  return hashFile(path) === expected ? "whole" : "changed";
}
