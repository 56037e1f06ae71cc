/** Saving what can be read of a damaged usage database into a new one, with a balance of what was saved. */
import { lstatSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { flush, nameDraft, toFileError } from "../engine/sqlite/backup.ts";
import { checkpoint, walBytes } from "../engine/sqlite/checkpoint.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import {
  HISTORY_TABLE,
  LEDGER_TABLE,
  PROGRESS_TABLE,
  SEEDS_TABLE,
} from "../engine/sqlite/ledger-tables.ts";
import { abandonedCopies, DamagedCopy } from "../engine/sqlite/recover/damaged-copy.ts";
import { DamagedFile } from "../engine/sqlite/recover/damaged-file.ts";
import { recoverTables, type TablesBalance } from "../engine/sqlite/recover/recover-tables.ts";
import { SideFile } from "../engine/sqlite/recover/side-file.ts";
import type { TableBalance } from "../engine/sqlite/recover/balance.ts";
import { InputError, OperationError } from "../errors.ts";
import { carryLedger, type FoundVersion, foundVersion } from "./ledger.ts";
import { POLICIES_TABLE, putBack, switchedOff, takePrefilled } from "./prefilled.ts";
import { refuseStranger } from "./stranger.ts";
import { verifyRollups } from "../report/verify.ts";
import { checkFunction, checkKeys } from "../store/checks.ts";
import { ownMigrations } from "../store/schema.ts";
import { rebuildMissingHours } from "../store/rebuild-hours.ts";
import { isPlausibleTime } from "../store/time-columns.ts";
import { rebuildMissingTotals } from "../store/rebuild-totals.ts";
import { openUsageDb, type UsageDb } from "../usage-db.ts";

export interface RecoverOptions {
  /** Epoch milliseconds; the system clock when left out. */
  readonly now?: () => number;
  readonly onTable?: (table: string, done: number, total: number) => void;
}

export interface RecoverReport extends TablesBalance, FoundVersion {
  readonly from: string;
  readonly to: string;
  readonly sizeBytes: number;
  readonly pageSize: number;
  readonly pageCount: number;
  /** Pages, first and last, that the database had and the file has no more. */
  readonly missingPages: readonly (readonly [number, number])[];
  readonly isHeaderReadable: boolean;
  readonly isSchemaWhole: boolean;
  /** Null when there was no WAL with anything in it. */
  readonly wal: {
    readonly sizeBytes: number;
    /** False when not even its header is valid; SQLite passes such a file over, and so does this. */
    readonly isReadable: boolean;
    readonly usedFrames: number;
    /** Frames after the last commit that is whole. */
    readonly cutFrames: number;
  } | null;
  /** Where rows stand that could not be saved; null when there are none. */
  readonly refusedFile: string | null;
  /** True when what is kept how long was lost in part; those rules are switched off, so that nothing is deleted. */
  readonly policiesSwitchedOff: boolean;
  /** Working folders beside the new file that runs which were killed left; each has a copy of a damaged database. */
  readonly abandoned: readonly string[];
  /** Hours that were lost and could be summed anew from messages. */
  readonly hoursRebuilt: number;
  /** The same of sessions' totals. */
  readonly totalsRebuilt: number;
  /** How hours and messages disagree in the new database, one line each. */
  readonly differences: readonly string[];
  /** True when nothing is missing or other than it was, as far as can be told. */
  readonly isWhole: boolean;
}

/** The engine's own tables; the new database has its own. */
const ENGINE_TABLES = [LEDGER_TABLE, HISTORY_TABLE, PROGRESS_TABLE, SEEDS_TABLE];

/**
 * Reads a damaged database, from a private copy, and writes what it finds into a new file; nothing is invented, and
 * a row that no constraint lets in stands in `<to>.refused.jsonl`. The damaged file is opened for reading only, and
 * never by SQLite.
 * @throws {InputError} DATABASE_PATH_INVALID; BACKUP_TARGET_INVALID when the new file exists.
 * @throws {OperationError} DATABASE_NOT_FOUND, DATABASE_NOT_SQLITE, DATABASE_FOREIGN, DATABASE_NEWER, DATABASE_BUSY,
 *   RECOVERY_EMPTY; no file is made.
 */
export function recoverDatabase(
  from: string,
  to: string,
  options: RecoverOptions = {},
): RecoverReport {
  checkKeys("recoverDatabase", options, ["now", "onTable"]);
  for (const name of ["now", "onTable"] as const) checkFunction(name, options[name]);
  const target = resolve(to);
  const sidePath = `${target}.refused.jsonl`;
  refuseTarget([target, sidePath]);
  try {
    return recoverInto(resolve(from), { target, sidePath, options });
  } catch (error) {
    throw toFileError(error, `recover ${resolve(from)}`, target);
  }
}

function recoverInto(
  from: string,
  {
    target,
    sidePath,
    options,
  }: {
    readonly target: string;
    readonly sidePath: string;
    readonly options: RecoverOptions;
  },
): RecoverReport {
  const abandoned = abandonedCopies(dirname(target));
  using copy = DamagedCopy.of(from, dirname(target));
  using file = new DamagedFile(copy);
  refuseStranger(file, from);
  const found = foundVersion(file, from);
  const draft = join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}.partial`);
  const sideDraft = `${draft}.jsonl`;
  using side = new SideFile(sideDraft);
  try {
    const balance = fillDraft(draft, { file, side, found, options });
    side.flush();
    flush(draft);
    if (side.count > 0) nameDraft(sideDraft, sidePath);
    nameDraft(draft, target);
    flush(dirname(target));
    return reportOf(
      file,
      { ...balance, ...found, from, to: target, abandoned },
      side.count > 0 ? sidePath : null,
    );
  } finally {
    for (const path of [draft, `${draft}-wal`, `${draft}-shm`, sideDraft])
      rmSync(path, { force: true });
  }
}

interface FilledTables extends TablesBalance {
  readonly policiesSwitchedOff: boolean;
}

interface FilledDraft extends FilledTables {
  readonly hoursRebuilt: number;
  readonly totalsRebuilt: number;
  readonly differences: readonly string[];
}

function fillDraft(
  draft: string,
  parts: {
    readonly file: DamagedFile;
    readonly side: SideFile;
    readonly found: FoundVersion;
    readonly options: RecoverOptions;
  },
): FilledDraft {
  const { file, side, found, options } = parts;
  using db = openUsageDb(draft, {
    migrate: false,
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  db.migrations.up({ target: found.version });
  const balance = fillTables(db.connection, { file, side, options });
  const read = balance.tables.reduce((sum, { read: rows }) => sum + rows, balance.strayRows);
  if (read === 0 && balance.tables.some(({ isWhole, expected }) => !isWhole || expected === null))
    refuseEmpty(file);
  carryLedger(db.connection, file);
  if (found.version !== ownMigrations().versions().at(-1)) db.migrations.up();
  // Sums of what is left of an hour's messages would pass for the hour.
  const isSummable = ["usage_message_rows", "usage_names"].every(
    (name) => balance.tables.find(({ table }) => table === name)?.isWhole === true,
  );
  const hoursRebuilt = isSummable ? rebuildMissingHours(db) : 0;
  const totalsRebuilt = isSummable ? rebuildMissingTotals(db) : 0;
  const differences = verifyRollups(db);
  checkWhole(db);
  // What closing did not move would be left behind.
  if (checkpoint(db.connection, 0).isBusy || walBytes(db.connection) > 0) refuseUnsettled(draft);
  return { ...balance, hoursRebuilt, totalsRebuilt, differences };
}

function fillTables(
  connection: Connection,
  {
    file,
    side,
    options,
  }: { readonly file: DamagedFile; readonly side: SideFile; readonly options: RecoverOptions },
): FilledTables {
  connection.runOnce("PRAGMA foreign_keys = OFF");
  try {
    const now = options.now?.() ?? Date.now();
    return connection.transaction(() => {
      const prefilled = takePrefilled(connection, ENGINE_TABLES);
      const balance = recoverTables(file, connection, {
        side,
        except: ENGINE_TABLES,
        isPlausible: isPlausibleTime,
        ...(options.onTable === undefined ? {} : { onTable: options.onTable }),
      });
      let policiesSwitchedOff = false;
      // What a new database begins with stands in where the damaged one's is lost.
      for (const { table, isWhole, read } of balance.tables) {
        if (isWhole && read > 0) continue;
        const rows = prefilled.get(table) ?? [];
        const isPolicies = table === POLICIES_TABLE;
        const added = putBack(connection, table, isPolicies ? rows.map(switchedOff(now)) : rows);
        if (isPolicies) policiesSwitchedOff = added > 0;
      }
      return { ...balance, policiesSwitchedOff };
    }, "recover rows");
  } finally {
    connection.runOnce("PRAGMA foreign_keys = ON");
  }
}

/** The new file is held to what the old one no longer is. */
function checkWhole(db: UsageDb): void {
  const problems = db.connection.readOnce("PRAGMA integrity_check(5)").flat();
  const orphans = db.connection.readOnce("PRAGMA foreign_key_check");
  if (problems.length === 1 && problems[0] === "ok" && orphans.length === 0) return;
  throw new OperationError(
    "BACKUP_UNVERIFIED",
    `Cannot recover: the new file is not sound (${String(problems[0])}), expected it to be`,
  );
}

function reportOf(
  file: DamagedFile,
  filled: FilledDraft & FoundVersion & Pick<RecoverReport, "from" | "to" | "abandoned">,
  refusedFile: string | null,
): RecoverReport {
  const { pages, schema, missingPages } = file;
  const isSchemaWhole = schema.tree.damagedPages.length === 0;
  const wal = pages.walSizeBytes === 0 ? null : walOf(file);
  const isWhole =
    filled.tables.every((table: TableBalance) => table.isWhole) &&
    filled.strayRows +
      filled.differences.length +
      missingPages.length +
      filled.hoursRebuilt +
      filled.totalsRebuilt ===
      0 &&
    isSchemaWhole &&
    pages.hasHeader &&
    (wal === null || (wal.isReadable && wal.cutFrames === 0));
  return {
    ...filled,
    sizeBytes: statSync(filled.to).size,
    pageSize: pages.pageSize,
    pageCount: pages.pageCount,
    missingPages,
    isHeaderReadable: pages.hasHeader,
    isSchemaWhole,
    wal,
    refusedFile,
    isWhole,
  };
}

function walOf({ pages }: DamagedFile): NonNullable<RecoverReport["wal"]> {
  const { wal, walSizeBytes: sizeBytes } = pages;
  return {
    sizeBytes,
    isReadable: wal !== null,
    usedFrames: wal?.usedFrames ?? 0,
    cutFrames: wal?.cutFrames ?? 0,
  };
}

function refuseTarget(paths: readonly string[]): void {
  const taken = paths.find((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  const folder = dirname(paths[0] ?? "");
  const hasFolder = lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  if (taken === undefined && hasFolder) return;
  const observed = taken === undefined ? `${folder} is no folder` : `${taken} exists`;
  throw new InputError(
    "BACKUP_TARGET_INVALID",
    `Cannot recover to ${paths[0]}: ${observed}, expected a new file in a folder that exists`,
    { details: { path: paths[0], observed }, hint: "Name a new file with `--to`." },
  );
}

function refuseUnsettled(path: string): never {
  throw new OperationError(
    "DATABASE_IO",
    `Cannot recover to ${path}: its WAL could not be emptied, expected to be alone with it`,
    { details: { path } },
  );
}

function refuseEmpty({ pages }: DamagedFile): never {
  throw new OperationError(
    "RECOVERY_EMPTY",
    `Cannot recover anything: none of ${pages.pageCount} page(s) has a row of a usage database that can be read, expected at least one`,
    { details: { pageCount: pages.pageCount } },
  );
}
