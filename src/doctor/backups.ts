/** Copies beside the database, and whether they are what they were. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { hashBeside, hashFile } from "../engine/sqlite/backup.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** The folder beside the database where the backup job keeps its copies. */
const FOLDER = "backups";
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
  const copies = backupsOf(database);
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

/** Newest first. */
function backupsOf(database: string): Copy[] {
  const folder = dirname(database);
  const prefix = `${basename(database)}.`;
  const inFolder = (where: string, isOurs: (name: string) => boolean): string[] =>
    existsSync(where)
      ? readdirSync(where)
          .filter((name) => !name.startsWith(".") && isOurs(name))
          .map((name) => join(where, name))
      : [];
  const paths = [
    ...inFolder(folder, (name) => name.startsWith(prefix) && name.endsWith(".backup")),
    ...inFolder(join(folder, FOLDER), (name) => !name.endsWith(".sha256")),
  ];
  return paths
    .flatMap((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
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
