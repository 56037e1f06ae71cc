/** The same verified backup as `backupDatabase` makes, in processes of its own: this one's event loop stays free. */
import { rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import {
  type BackupReport,
  CHECK_COPY_SQL,
  draftPath,
  judgeCopy,
  makeDraft,
  publish,
  refuseOtherRows,
  refuseTarget,
  toFileError,
} from "./backup.ts";
import { DEFAULT_BUSY_TIMEOUT_MS } from "./open.ts";
import { type SideDatabase, SideProcess, type SideStatement } from "./side/side-process.ts";

export interface BackupAsideOptions {
  /** Ends the processes at once; nothing is left behind. */
  readonly signal?: AbortSignal;
  /** Bytes written so far, and about how many they will be. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

const PROGRESS_INTERVAL_MS = 250;
/** A file that nobody else has is checked in half the time when it is mapped. */
const MAPPED_BYTES = 2 ** 40;

/**
 * Writes a verified copy of a live database to a file that must not exist, while others go on writing. Only SQLite
 * opens the database, and only in the side process: a file that is closed by another way takes this process's locks
 * on it along.
 * @throws {InputError} BACKUP_TARGET_INVALID when the target exists or its folder does not.
 * @throws {OperationError} BACKUP_UNVERIFIED, DATABASE_FULL, DATABASE_IO, SIDE_PROCESS_FAILED, CANCELLED; nothing is
 *   left behind.
 */
export async function backupAside(
  database: string,
  target: string,
  { signal, onProgress }: BackupAsideOptions = {},
): Promise<BackupReport> {
  const path = resolve(target);
  refuseTarget(path, database);
  const draft = draftPath(path);
  try {
    await using copier = new SideProcess(signal);
    // Two processes, because the copy is hashed while it is checked.
    await using hasher = new SideProcess(signal);
    makeDraft(draft);
    const source = { path: database, isReader: true, busyTimeoutMs: DEFAULT_BUSY_TIMEOUT_MS };
    const before = await copier.ask("counts", source);
    const watch = watchGrowth(draft, await sizeOf(copier, source), onProgress);
    try {
      await copier.ask("sql", {
        ...source,
        statements: copyInto(draft),
      });
    } finally {
      clearInterval(watch);
    }
    const after = await copier.ask("counts", source);
    const [sha256, { rows, brokenRows }] = await Promise.all([
      hasher.ask("hash", { path: draft }),
      verifyAside(copier, draft, path),
      flushFile(draft),
    ]);
    refuseOtherRows(path, { before, after, copied: rows });
    publish(draft, path, sha256);
    await flushFile(dirname(path));
    return { path, sizeBytes: statSync(path).size, sha256, rows, brokenRows };
  } catch (error) {
    throw toFileError(error, `back up ${database}`, path);
  } finally {
    // The processes are gone by now; one that was killed leaves its journal.
    for (const left of [draft, `${draft}-journal`]) rmSync(left, { force: true });
  }
}

/**
 * SQLite would flush the copy before it answers; here that is done while the copy is checked, which saves a fifth.
 * The setting would hold for the database too, so it is made on a connection that cannot write to it.
 */
function copyInto(draft: string): SideStatement[] {
  return [{ sql: "PRAGMA synchronous = OFF" }, { sql: "VACUUM INTO ?", values: [draft] }];
}

/** About how many bytes the copy will have: pages that are free are left out. */
async function sizeOf(copier: SideProcess, source: SideDatabase): Promise<number> {
  const statements = ["page_count", "freelist_count", "page_size"].map((pragma) => ({
    sql: `PRAGMA ${pragma}`,
  }));
  const answers = await copier.ask("sql", { ...source, statements });
  const [pages = 0, free = 0, pageBytes = 0] = answers.map((rows) => Number(rows[0]?.[0]));
  return (pages - free) * pageBytes;
}

/** SQLite says nothing while it copies; the file's size does. */
function watchGrowth(
  draft: string,
  totalBytes: number,
  onProgress: BackupAsideOptions["onProgress"],
): NodeJS.Timeout | undefined {
  if (onProgress === undefined) return undefined;
  const tell = (): void => {
    const { size } = statSync(draft, { throwIfNoEntry: false }) ?? { size: 0 };
    onProgress(Math.min(size, totalBytes), totalBytes);
  };
  return setInterval(tell, PROGRESS_INTERVAL_MS);
}

/** Reads every page and counts every row of the copy. */
async function verifyAside(
  copier: SideProcess,
  draft: string,
  path: string,
): Promise<Pick<BackupReport, "rows" | "brokenRows">> {
  const copy = { path: draft, isReader: false, busyTimeoutMs: 0 };
  const findings = async (...pragmas: string[]): Promise<string[]> => {
    const settings = ["query_only = ON", `mmap_size = ${MAPPED_BYTES}`, ...pragmas];
    const statements = settings.map((pragma) => ({
      sql: `PRAGMA ${pragma}`,
    }));
    const answers = await copier.ask("sql", {
      ...copy,
      statements: [...statements, { sql: CHECK_COPY_SQL }],
    });
    return (answers.at(-1) ?? []).flat().map(String);
  };
  const brokenRows = judgeCopy(path, await findings());
  if (brokenRows.length > 0) judgeCopy(path, await findings("ignore_check_constraints = ON"));
  return { rows: await copier.ask("counts", copy), brokenRows };
}

async function flushFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
