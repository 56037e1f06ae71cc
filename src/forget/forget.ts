/** Forgetting on request: out of tables, free pages, WAL, spool and backups, and the proof of it. */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Connection } from "../engine/sqlite/connection.ts";
import { type JobLock, takeJobLock } from "../engine/sqlite/job-lock.ts";
import { findBackupFolder, sweepDrafts } from "../engine/sqlite/backup-folder.ts";
import { openConnection } from "../engine/sqlite/open.ts";
import { refuseOpenHere } from "../engine/sqlite/own-descriptors.ts";
import { OperationError, refuseValue } from "../errors.ts";
import { type ForgottenBackup, forgetInBackup } from "./backup.ts";
import { FrameSearch } from "./frame-search.ts";
import { emptySpace, forgetInTables } from "./tables.ts";
import { drainBeside } from "../ingest/hooks/drain-spool.ts";
import { forgetRefused } from "../ingest/hooks/forget-refused.ts";
import { ByteSearch, type FoundBytes, MIN_TEXT_BYTES } from "../retention/forget/find-bytes.ts";
import { type ForgottenRows, forgetRows } from "../retention/forget/forget-rows.ts";
import { type FoundCompacted, searchCompacted } from "../retention/forget/search-compacted.ts";
import type { ForgetTarget } from "../retention/forget/target.ts";
import { checkKeys, checkNonEmpty, checkTimestamp } from "../store/checks.ts";
import { refuseForeign } from "../store/schema.ts";
import { openUsageDb } from "../usage-db.ts";

export interface ForgetOptions {
  /** True takes the tokens out of the hours too; else they stay in all sums, under names that say nothing. */
  readonly rollups?: boolean;
  /** Backups to forget it in as well; each becomes a new, verified one under its name. */
  readonly backups?: readonly string[];
  /** Counts, and changes nothing. */
  readonly dryRun?: boolean;
  /** Epoch milliseconds; the system clock when left out. */
  readonly now?: () => number;
}

export interface ForgetReport extends Omit<ForgottenRows, "sessions" | "sources"> {
  readonly path: string;
  readonly sessions: number;
  /** Transcripts of forgotten sessions that their agent still has; a sync passes them over. */
  readonly transcripts: readonly string[];
  /** Lines of refused hook events that were taken out. */
  readonly refusedEvents: number;
  /** True when another process kept the WAL from being emptied. */
  readonly isWalBusy: boolean;
  /** True when the file was written anew, so that no free page has anything old. */
  readonly isVacuumed: boolean;
  readonly backups: readonly ForgottenBackup[];
  /** Files in which one of the texts searched for still stands. */
  readonly found: readonly FoundBytes[];
  /** Compacted texts, which no search of bytes sees into: expanded one by one, in the database and in backups. */
  readonly compacted: {
    readonly searched: number;
    readonly found: readonly (FoundCompacted & { readonly path: string })[];
  };
  /** Files that may not be read, with the system's reason. */
  readonly unsearched: readonly { readonly path: string; readonly unreadable: string }[];
  /** Texts that were searched for, and those too short to prove anything by. */
  readonly searchedTexts: number;
  readonly shortTexts: number;
  /** True when it is gone from everything that was to be cleaned; never of a dry run. */
  readonly isProved: boolean;
}

const OPTIONS = ["rollups", "backups", "dryRun", "now"];

/**
 * Forgets a session, a project, or everything before a moment, and searches the bytes of all files for what is left.
 * The tables are changed in one transaction; a run that was cut off is completed by running it again. Nothing else of
 * this process may have the database open.
 * @throws {InputError} VALUE_INVALID, DATABASE_PATH_INVALID.
 * @throws {OperationError} DATABASE_NOT_FOUND, DATABASE_BUSY, MAINTENANCE_RUNNING, DATABASE_FULL and what a migration throws.
 */
export function forgetUsage(
  path: string,
  target: ForgetTarget,
  options: ForgetOptions = {},
): ForgetReport {
  checkKeys("forgetUsage", options, OPTIONS);
  checkTarget(target);
  const { dryRun = false, backups = [], rollups = false } = options;
  const file = resolve(path);
  refuseOpenHere(file, "forget in");
  const clock = options.now === undefined ? {} : { now: options.now };
  if (dryRun) return dryReport(file, target, { keepsSums: !rollups, ...clock });
  using _ = takeLock(file);
  const cleaned = clean(file, target, { keepsSums: !rollups, ...clock });
  const { rows, texts } = cleaned;
  const rewritten = backups.map((backup) =>
    forgetInBackup(resolve(backup), target, { keepsSums: !rollups, ...clock }),
  );
  const { search, frames } = cleaned;
  const files = filesOf(file, [...backups.map((name) => resolve(name)), ...cleaned.knownBackups]);
  const results = files.map((name) => search.find(name)).filter((one) => one !== null);
  const found = results.filter((one) => "count" in one);
  for (const name of files) if (isBackup(name, backups)) frames.addFile(name, search);
  const unsearched = [...results.filter((one) => "unreadable" in one), ...frames.unsearched];
  const shortTexts = texts.filter((text) => Buffer.byteLength(text) < MIN_TEXT_BYTES).length;
  return {
    path: file,
    deleted: rows.deleted,
    anonymised: rows.anonymised,
    sessions: rows.sessions.length,
    transcripts: rows.sources.filter((source) => existsSync(source)),
    refusedEvents: cleaned.refusedEvents,
    isWalBusy: cleaned.isWalBusy,
    isVacuumed: cleaned.isVacuumed,
    backups: rewritten,
    found,
    compacted: { searched: frames.searched, found: frames.found },
    unsearched,
    searchedTexts: texts.length - shortTexts,
    shortTexts,
    isProved:
      found.length + frames.found.length + unsearched.length + shortTexts === 0 &&
      !cleaned.isWalBusy &&
      cleaned.isVacuumed &&
      rewritten.every(({ error }) => error === null),
  };
}

/** One at a time, beside no other maintenance, so what a killed run left half done may be taken away. */
function takeLock(file: string): JobLock {
  using connection = openConnection(file, { mode: "existing" });
  refuseForeign(connection);
  const lock = takeJobLock(connection);
  if (lock !== null) return lock;
  throw new OperationError(
    "MAINTENANCE_RUNNING",
    `Cannot forget in ${file}: another process does maintenance, expected none`,
    { details: { path: file } },
  );
}

interface CleanOptions {
  readonly keepsSums: boolean;
  readonly now?: () => number;
}

interface Cleaned {
  readonly rows: ForgottenRows;
  /** What must not stand anywhere any more. */
  readonly texts: readonly string[];
  readonly search: ByteSearch;
  readonly frames: FrameSearch;
  readonly knownBackups: readonly string[];
  readonly refusedEvents: number;
  readonly isWalBusy: boolean;
  readonly isVacuumed: boolean;
}

function clean(file: string, target: ForgetTarget, { keepsSums, ...clock }: CleanOptions): Cleaned {
  using db = openUsageDb(file, { mode: "existing", ...clock });
  // What waits there would come in later; what comes from now on is known to be forgotten.
  drainBeside(db, db.now());
  const rows = forgetInTables(db, target, keepsSums);
  const texts = textsOf(target, rows.sessions);
  drainBeside(db, db.now());
  const search = new ByteSearch(texts, { except: keptNames(db.connection, texts) });
  const frames = new FrameSearch();
  frames.add(file, () => searchCompacted(db.connection, search));
  return {
    rows,
    texts,
    refusedEvents: forgetRefused(file, texts, db.now()),
    search,
    frames,
    knownBackups: [...knownBackups(db.connection), ...regularBackups(file)],
    ...emptySpace(db.connection),
  };
}

/** Runs the whole transaction and undoes it: the counts are those of the real thing. */
function dryReport(file: string, target: ForgetTarget, options: CleanOptions): ForgetReport {
  const { keepsSums, ...clock } = options;
  // Brings nothing up to date: a database that is behind is refused here.
  openUsageDb(file, { mode: "read", ...clock }).close();
  using db = openUsageDb(file, { mode: "existing", ...clock });
  let rows: ForgottenRows = { sessions: [], deleted: {}, anonymised: {}, sources: [] };
  const undo = new Error("undo");
  try {
    db.connection.runOnce("PRAGMA temp_store = MEMORY");
    db.connection.runOnce("PRAGMA foreign_keys = OFF");
    db.connection.transaction(() => {
      rows = forgetRows(db, target, { keepsSums });
      throw undo;
    }, "forget");
  } catch (error) {
    if (error !== undo) throw error;
  }
  return {
    path: file,
    deleted: rows.deleted,
    anonymised: rows.anonymised,
    sessions: rows.sessions.length,
    transcripts: rows.sources.filter((source) => existsSync(source)),
    refusedEvents: 0,
    isWalBusy: false,
    isVacuumed: false,
    backups: [],
    found: [],
    compacted: { searched: 0, found: [] },
    unsearched: [],
    searchedTexts: 0,
    shortTexts: 0,
    isProved: false,
  };
}

function textsOf(target: ForgetTarget, sessions: readonly string[]): string[] {
  return target.kind === "project" ? [target.project, ...sessions] : [...sessions];
}

/** Names of others that begin or end like a forgotten one. */
function keptNames(connection: Connection, texts: readonly string[]): string[] {
  const names = connection
    .readOnce(
      `SELECT name FROM usage_names
       UNION SELECT session_id FROM sessions
       UNION SELECT project FROM sessions WHERE project IS NOT NULL
       UNION SELECT project FROM usage_rollups`,
    )
    .map(([name]) => String(name));
  return names.filter((name) => texts.some((text) => name !== text && name.includes(text)));
}

/** Backups that migrations and jobs made, as far as the database remembers. */
function knownBackups(connection: Connection): string[] {
  return connection
    .readOnce("SELECT DISTINCT backup_path FROM schema_migrations WHERE backup_path IS NOT NULL")
    .map(([path]) => String(path));
}

/** What the backup job keeps, and what is left of a backup that was cut off; drafts of ours are deleted. */
function regularBackups(file: string): string[] {
  const folder = findBackupFolder(file);
  if (folder === null) return [];
  // The job's lock is held, so no draft is anybody's.
  sweepDrafts(folder, file);
  return readdirSync(folder.path)
    .filter((name) => name.startsWith(basename(file)) || name.startsWith(`.${basename(file)}`))
    .map((name) => join(folder.path, name));
}

const isBackup = (path: string, told: readonly string[]): boolean =>
  path.endsWith(".backup") || told.some((name) => resolve(name) === path);

/** The database, what stands beside it under its name, and backups. */
function filesOf(file: string, backups: readonly string[]): string[] {
  const beside = readdirSync(dirname(file))
    .filter((name) => name.startsWith(basename(file)) || name.startsWith(`.${basename(file)}`))
    // Shared memory has page numbers only, and the lock's file is never to be opened.
    .filter((name) => !/-(shm|maintenance)$/.test(name))
    .map((name) => join(dirname(file), name));
  return [...new Set([file, ...beside, ...backups])];
}

function checkTarget(target: ForgetTarget): void {
  if (target.kind === "session") checkNonEmpty("session", target.sessionId);
  else if (target.kind === "project") checkNonEmpty("project", target.project);
  else if (target.kind === "before") checkTimestamp("before", target.beforeMs);
  else refuseValue("target", "of another kind", "session, project or before");
}
