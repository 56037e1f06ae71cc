/** The folder beside a database where its regular backups are kept, and which of its files are theirs. */
import { lstatSync, mkdirSync, readdirSync, rmSync, type Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { OperationError } from "../../errors.ts";
import { hashBeside, hashPath } from "./backup.ts";

export interface KeptBackup {
  /** Absolute. */
  readonly path: string;
  /** Epoch milliseconds, from its name. */
  readonly at: number;
  readonly sizeBytes: number;
  /** The SHA-256 beside it. */
  readonly sha256: string;
}

export interface BackupFolder {
  readonly path: string;
  /** By name, a regular file with a hash beside it. */
  readonly backups: readonly KeptBackup[];
  /** Files that bear such a name and are not sure to be backups of ours; nobody deletes them. */
  readonly strange: readonly { readonly path: string; readonly observed: string }[];
}

const FOLDER = "backups";

/**
 * `backups` beside the database, made with mode 0700 when it is missing.
 * @throws {OperationError} DATABASE_CANNOT_OPEN when something else has its name.
 */
export function openBackupFolder(database: string): BackupFolder {
  const path = join(dirname(database), FOLDER);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const folder = findBackupFolder(database);
  if (folder === null) {
    throw new OperationError(
      "DATABASE_CANNOT_OPEN",
      `Cannot keep backups in ${path}: it is a link or a file, expected a folder`,
      { details: { path }, hint: `Move ${path} away.` },
    );
  }
  return folder;
}

/** The same without making anything: null when there is no such folder. */
export function findBackupFolder(database: string): BackupFolder | null {
  const path = join(dirname(database), FOLDER);
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return null;
  const backups: KeptBackup[] = [];
  const strange: { path: string; observed: string }[] = [];
  for (const name of readdirSync(path).sort()) {
    const at = timeIn(name, basename(database));
    if (at === null) continue;
    const file = join(path, name);
    const stat = lstatSync(file);
    const sha256 = hashBeside(file);
    const observed = strangeness(stat, sha256);
    if (observed === null && sha256 !== null)
      backups.push({ path: file, at, sizeBytes: stat.size, sha256 });
    else strange.push({ path: file, observed: observed ?? "" });
  }
  return { path, backups, strange };
}

/** The name of a backup made at a moment; taken names move it by milliseconds. */
export function newBackupPath(folder: BackupFolder, database: string, at: number): string {
  for (let time = at; ; time++) {
    const stamp = new Date(time).toISOString().replace(/[-:.]/g, "");
    const path = join(folder.path, `${basename(database)}.${stamp}.backup`);
    const isFree = [path, hashPath(path)].every(
      (name) => lstatSync(name, { throwIfNoEntry: false }) === undefined,
    );
    if (isFree) return path;
  }
}

/** Deletes a backup and its hash. */
export function deleteBackup(path: string): void {
  rmSync(path);
  rmSync(hashPath(path), { force: true });
}

/**
 * Deletes what a killed backup left: drafts, and hashes whose backup never got its name. Only for whoever alone may
 * make backups here.
 */
export function sweepDrafts(folder: BackupFolder, database: string): string[] {
  const names = readdirSync(folder.path);
  const left = names.filter((name) => {
    const draft = /^\.(.+)\.[0-9a-f-]{36}\.partial(?:-journal)?$/.exec(name)?.[1];
    if (draft !== undefined) return timeIn(draft, basename(database)) !== null;
    const hashed = /^(.+)\.sha256$/.exec(name)?.[1];
    if (hashed === undefined || timeIn(hashed, basename(database)) === null) return false;
    return !names.includes(hashed);
  });
  for (const name of left) rmSync(join(folder.path, name), { force: true });
  return left;
}

function strangeness(stat: Stats, sha256: string | null): string | null {
  if (!stat.isFile()) return "it is no regular file";
  return sha256 === null ? "there is no SHA-256 beside it" : null;
}

/** The moment in a backup's name; null for any other name. */
function timeIn(name: string, database: string): number | null {
  if (!name.startsWith(`${database}.`)) return null;
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z\.backup$/.exec(
    name.slice(database.length + 1),
  );
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, ms] = match;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  return Number.isNaN(at) ? null : at;
}
