/** Verified copies of a database, and the way back from them. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Database } from "bun:sqlite";
import { InputError, OperationError, type UsageDbError } from "../../errors.ts";
import { Connection } from "./connection.ts";
import { isCompanion } from "./file-links.ts";
import { quoteIdentifier } from "./quote.ts";
import { toUsageDbError } from "./sqlite-errors.ts";

export interface BackupReport {
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Rows by table, as the copy holds them. */
  readonly rows: Readonly<Record<string, number>>;
  /** Rows that break a constraint, as SQLite names them: the copy is whole, and has what the database has. */
  readonly brokenRows: readonly string[];
}

const HASH_CHUNK_BYTES = 1 << 20;

/**
 * Writes a compact copy of a live database to a file that must not exist, while others go on writing.
 *
 * VACUUM INTO alone is no backup: killed midway it leaves a valid *empty* database, readable by everybody. So the
 * copy is made under another name with mode 0600, checked page by page and row by row, flushed, and only then given
 * its name; its SHA-256 stands beside it, because integrity_check misses a quarter of all flipped bits.
 * @throws {InputError} BACKUP_TARGET_INVALID when the target exists or its folder does not.
 * @throws {OperationError} BACKUP_UNVERIFIED, DATABASE_FULL, DATABASE_IO; nothing is left behind.
 */
export function backupDatabase(connection: Connection, target: string): BackupReport {
  const path = resolve(target);
  refuseTarget(path, connection.path);
  const draft = draftPath(path);
  try {
    makeDraft(draft);
    const before = countRows(connection);
    copyInto(connection, draft);
    const { rows, brokenRows } = verifyCopy(draft);
    refuseOtherRows(path, { before, after: countRows(connection), copied: rows });
    flush(draft);
    const sha256 = hashFile(draft);
    publish(draft, path, sha256);
    flush(dirname(path));
    rmSync(draft, { force: true });
    return { path, sizeBytes: statSync(path).size, sha256, rows, brokenRows };
  } catch (error) {
    const failure = toFileError(error, `back up ${connection.path}`, path);
    try {
      rmSync(draft, { force: true });
    } catch (draftError) {
      failure.cause ??= draftError;
    }
    throw failure;
  }
}

/** Where a copy is made before it has its name. */
export function draftPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${crypto.randomUUID()}.partial`);
}

/** Exclusive creation never follows a planted link; VACUUM INTO accepts an empty file and keeps its mode. */
export function makeDraft(draft: string): void {
  closeSync(openSync(draft, "wx", 0o600));
}

/**
 * Gives a checked copy its name. Its hash comes first, so that no copy is ever seen without one.
 * A link, unlike a rename, never replaces a file that appeared meanwhile; some file systems have only the rename.
 */
export function publish(draft: string, path: string, sha256: string): void {
  writeHash(path, sha256);
  try {
    nameDraft(draft, path);
  } catch (error) {
    // Another process may have been faster: its copy keeps a hash, and its own.
    if (existsSync(path)) writeHash(path, hashFile(path));
    else rmSync(hashPath(path), { force: true });
    throw error;
  }
}

/** Puts the hash beside a copy at once and whole; what stands there, `refuseTarget` has judged. */
function writeHash(path: string, sha256: string): void {
  const draft = draftPath(hashPath(path));
  try {
    writeFileSync(draft, hashLine(path, sha256), { mode: 0o600, flag: "wx" });
    flush(draft);
    renameSync(draft, hashPath(path));
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

const hashLine = (path: string, sha256: string): string => `${sha256}  ${basename(path)}\n`;

/** A hash without its copy, which a run leaves that is killed in between; nothing else that may have its name. */
function isLeftHash(path: string): boolean {
  const stat = lstatSync(hashPath(path), { throwIfNoEntry: false });
  const sizeBytes = Buffer.byteLength(hashLine(path, "0".repeat(64)));
  if (stat?.isFile() !== true || stat.size !== sizeBytes) return false;
  const text = readFileSync(hashPath(path), "utf8");
  return /^[0-9a-f]{64}/.test(text) && text === hashLine(path, text.slice(0, 64));
}

/** Gives a finished draft its name; refuses when a file of that name appeared meanwhile. */
export function nameDraft(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "ENOSYS")
      throw error;
    closeSync(openSync(path, "wx", 0o600));
    renameSync(draft, path);
  }
}

/** Codes of the file system in the words of the catalogue. */
export function toFileError(error: unknown, action: string, path: string): UsageDbError {
  const code =
    error instanceof Error && "syscall" in error && "code" in error ? String(error.code) : null;
  if (code === null) return toUsageDbError(error, action, { path });
  const known =
    code === "ENOSPC" ? "DATABASE_FULL" : code === "EIO" ? "DATABASE_IO" : "DATABASE_CANNOT_OPEN";
  return new OperationError(known, `Cannot ${action}: ${code} at ${path}`, {
    details: { path, code },
    cause: error,
    hint: "Check that the folder exists, may be written and has room.",
  });
}

export const hashPath = (path: string): string => `${path}.sha256`;

/**
 * The SHA-256 of a backup, which is that written beside it where one is.
 * @throws {InputError} BACKUP_TARGET_INVALID when there is no such backup.
 * @throws {OperationError} BACKUP_UNVERIFIED.
 */
export function verifiedHash(path: string): string {
  if (!existsSync(path)) refuseMissing(path);
  const sha256 = hashFile(path);
  const expected = hashBeside(path);
  if (expected === null || expected === sha256) return sha256;
  throw unverified(path, "its SHA-256 is not the one written beside it");
}

export function refuseTarget(path: string, database: string): void {
  const taken = [path, hashPath(path)]
    .filter((name) => lstatSync(name, { throwIfNoEntry: false }) !== undefined)
    .find((name) => name === path || !isLeftHash(path));
  const isPart = isCompanion(path, database);
  if (taken === undefined && !isPart && existsSync(dirname(path))) return;
  const observed = isPart
    ? "SQLite takes that name for a part of the database"
    : taken === undefined
      ? "its folder does not exist"
      : `${taken} exists`;
  throw new InputError(
    "BACKUP_TARGET_INVALID",
    `Cannot back up to ${path}: ${observed}, expected a new file in a folder that exists`,
    {
      details: { path, observed },
    },
  );
}

/** @throws {InputError} BACKUP_TARGET_INVALID always: there is no backup of this name. */
export function refuseMissing(path: string): never {
  throw new InputError(
    "BACKUP_TARGET_INVALID",
    `Cannot restore ${path}: there is no such file, expected a backup`,
    {
      details: { path, observed: "missing" },
      hint: "Check the path of the backup.",
    },
  );
}

function copyInto(connection: Connection, draft: string): void {
  try {
    connection.prepare("VACUUM INTO ?", `back up ${connection.path}`).run(draft);
  } finally {
    connection.forgetStatements();
  }
}

/** Reads every page and counts every row of a closed copy. */
export function verifyCopy(path: string): Pick<BackupReport, "rows" | "brokenRows"> {
  try {
    using copy = new Connection(openCopy(path), path);
    copy.runOnce("PRAGMA query_only = ON");
    // It may be from anywhere, and the check runs its CHECKs and generated columns.
    copy.runOnce("PRAGMA trusted_schema = OFF");
    const brokenRows = judgeCopy(path, copy.readOnce(CHECK_COPY_SQL).flat().map(String));
    if (brokenRows.length > 0) {
      copy.runOnce("PRAGMA ignore_check_constraints = ON");
      judgeCopy(path, copy.readOnce(CHECK_COPY_SQL).flat().map(String));
    }
    return { rows: countRows(copy), brokenRows };
  } catch (error) {
    throw toUsageDbError(error, `verify ${path}`, { path });
  }
}

/**
 * SQLite leaves CHECK constraints out of its check of a file that was opened without the right to write. Nothing is
 * written all the same, save what somebody's own copy has in a WAL beside it: that one is left as it is.
 */
function openCopy(path: string): Database {
  const isAlone = ["-wal", "-journal"].every((suffix) => !existsSync(path + suffix));
  return new Database(path, isAlone ? { readwrite: true, create: false } : { readonly: true });
}

export const CHECK_COPY_SQL = "PRAGMA integrity_check(100)";

/**
 * Tells rows that break a constraint from damage: the first are what the database has, and a copy without them would
 * be none; the second makes a copy worthless. Where rows are broken, the check has to be made again without them, so
 * that they do not crowd the damage out.
 * @throws {OperationError} BACKUP_UNVERIFIED.
 */
export function judgeCopy(path: string, findings: readonly string[]): string[] {
  const found = findings.filter((finding) => finding !== "ok");
  const damage = found.find((finding) => !BROKEN_ROW.test(finding));
  if (damage !== undefined) throw unverified(path, damage);
  return found;
}

const BROKEN_ROW = /^(?:CHECK constraint failed in|NULL value in|non-\w+ value in|\w+ value in) /;

/** @throws {OperationError} BACKUP_UNVERIFIED when nobody wrote meanwhile and rows are missing or too many. */
export function refuseOtherRows(
  path: string,
  { before, after, copied }: Readonly<Record<"before" | "after" | "copied", RowCounts>>,
): void {
  if (isSame(before, after) && !isSame(before, copied))
    throw unverified(path, "its rows differ from the database's");
}

type RowCounts = BackupReport["rows"];

function countRows(connection: Connection): Record<string, number> {
  const tables = connection.readOnce(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
  );
  return Object.fromEntries(
    tables.map(([name]) => [
      String(name),
      Number(connection.readOnce(`SELECT count(*) FROM ${quoteIdentifier(String(name))}`)[0]?.[0]),
    ]),
  );
}

function isSame(left: RowCounts, right: RowCounts): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

/** The SHA-256 of a file that no process has open as a database. */
export function hashFile(path: string): string {
  const hasher = new Bun.CryptoHasher("sha256");
  const chunk = Buffer.allocUnsafe(HASH_CHUNK_BYTES);
  const descriptor = openSync(path, "r");
  try {
    for (let count = readSync(descriptor, chunk); count > 0; count = readSync(descriptor, chunk))
      hasher.update(chunk.subarray(0, count));
  } finally {
    closeSync(descriptor);
  }
  return hasher.digest("hex");
}

/** The SHA-256 that was written beside a backup; null when there is none. */
export function hashBeside(path: string): string | null {
  return existsSync(hashPath(path)) ? readFileSync(hashPath(path), "utf8").slice(0, 64) : null;
}

/** Has the disk keep what was written to a file or a folder. */
export function flush(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export function unverified(path: string, observed: string): OperationError {
  return new OperationError(
    "BACKUP_UNVERIFIED",
    `Cannot trust ${path}: ${observed}, expected a whole copy`,
    {
      details: { path, observed },
    },
  );
}
