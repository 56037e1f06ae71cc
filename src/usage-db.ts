/** The handle that an embedding program holds: one file, opened, migrated and ready. */
import { uptime } from "node:os";
import { describeKind, OperationError, refuseValue } from "./errors.ts";
import type { MigrationEvent } from "./engine/migrator.ts";
import type { Connection } from "./engine/sqlite/connection.ts";
import { readLedgerHead } from "./engine/sqlite/ledger.ts";
import { openConnection, type OpenOptions } from "./engine/sqlite/open.ts";
import { isSqliteError, toUsageDbError } from "./engine/sqlite/sqlite-errors.ts";
import { isUpToDate } from "./engine/up-to-date.ts";
import type { MaintainOptions, MaintainReport } from "./retention/job.ts";
import type { PruneOptions, PruneReport } from "./retention/prune.ts";
import { checkFunction, checkKeys, checkTimestamp } from "./store/checks.ts";
import { ownMigrations, refuseForeign, refuseWithoutLedger } from "./store/schema.ts";
import { createUsageStore, type UsageStore } from "./store/usage-store.ts";
import { createMigrations, type UsageDbMigrations } from "./usage-db-migrations.ts";

export interface UsageDbOptions extends OpenOptions {
  /** Epoch milliseconds; the system clock when left out. */
  readonly now?: () => number;
  /** How long the machine has run, in milliseconds; the system's answer when left out. */
  readonly uptimeMs?: () => number;
  /** Names the time since the machine was started; the system's answer when left out. */
  readonly bootId?: () => string;
  /** False leaves the schema as it is, whatever its version; for tools that migrate themselves. */
  readonly migrate?: boolean;
  /** Told of every step while the database is brought up to date. */
  readonly onEvent?: (event: MigrationEvent) => void;
}

export interface UsageDb extends UsageStore, Disposable {
  readonly migrations: UsageDbMigrations;
  /** Deletes old snapshots in small steps; see `PruneOptions`. */
  prune(options: PruneOptions): Promise<PruneReport>;
  /** Runs the maintenance jobs that are due, or those named, beside whoever writes; see `MaintainOptions`. */
  maintain(options?: MaintainOptions): Promise<MaintainReport>;
  /** Closes for good: no statement, descriptor, lock or WAL of this handle is left. Safe to call twice. */
  close(): void;
}

const OPTIONS = [
  "mode",
  "busyTimeoutMs",
  "synchronous",
  "maxBytes",
  "now",
  "uptimeMs",
  "bootId",
  "migrate",
  "onEvent",
];

/**
 * Opens a usage database, creating and migrating it as needed; synchronous, and safe to call from many
 * processes at once. `:memory:` gives one that is not kept.
 *
 * With `mode: "read"` nothing is created or changed, and a database that is behind is refused.
 * @throws {InputError} DATABASE_PATH_INVALID, VALUE_INVALID or OPTION_UNKNOWN.
 * @throws {OperationError} DATABASE_NOT_FOUND, DATABASE_NOT_SQLITE, DATABASE_FOREIGN, DATABASE_NEWER,
 *   DATABASE_OUTDATED, DATABASE_BUSY, DATABASE_READONLY or DATABASE_CORRUPT.
 */
export function openUsageDb(path: string, options: UsageDbOptions = {}): UsageDb {
  checkKeys("openUsageDb", options, OPTIONS);
  const { migrate = true, onEvent, mode, busyTimeoutMs, synchronous, maxBytes } = options;
  const { uptimeMs = systemUptimeMs } = options;
  for (const name of ["now", "onEvent", "uptimeMs", "bootId"] as const)
    checkFunction(name, options[name]);
  if (typeof migrate !== "boolean") refuseValue("migrate", describeKind(migrate), "true or false");
  const now = checkedClock(options.now);
  const connection = openConnection(path, {
    ...(mode === undefined ? {} : { mode }),
    ...(busyTimeoutMs === undefined ? {} : { busyTimeoutMs }),
    ...(synchronous === undefined ? {} : { synchronous }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });
  try {
    const migrations = createMigrations(connection, now, onEvent);
    if (migrate) bringUpToDate(connection, migrations, mode === "read");
    const store = createUsageStore(connection, now, uptimeMs);
    // Added to the store, not copied with it: its lazy parts must stay so.
    return Object.assign(store, options.bootId === undefined ? {} : { bootId: options.bootId }, {
      migrations,
      prune(pruneOptions: PruneOptions) {
        const { pruneSnapshots } =
          require("./retention/prune.ts") as typeof import("./retention/prune.ts");
        return pruneSnapshots(store, pruneOptions);
      },
      maintain(maintainOptions?: MaintainOptions) {
        const { maintain } =
          require("./retention/maintain.ts") as typeof import("./retention/maintain.ts");
        return maintain(store, maintainOptions);
      },
      close: () => connection.close(),
      [Symbol.dispose]: () => connection.close(),
    });
  } catch (error) {
    connection.close();
    if (!isSqliteError(error)) throw error;
    throw toUsageDbError(error, `open ${connection.path}`, { path: connection.path });
  }
}

/** The system's clock as it is; an injected one checked at every look, because every row depends on it. */
function checkedClock(now: (() => number) | undefined): () => number {
  return now === undefined ? Date.now : () => checkTimestamp("now()", now());
}

function systemUptimeMs(): number {
  return uptime() * 1000;
}

function bringUpToDate(
  connection: Connection,
  migrations: UsageDbMigrations,
  isReader: boolean,
): void {
  // One read settles the everyday case; only an unusual file is looked at more closely.
  const head = readLedgerHead(connection);
  if (isUpToDate(head, ownMigrations()) && head?.hasDrifted !== true) return;
  refuseForeign(connection);
  if (head === null) refuseWithoutLedger(connection);
  if (!isReader) {
    migrations.up();
    return;
  }
  const pending = migrations.plan();
  if (pending.length === 0) return;
  throw new OperationError(
    "DATABASE_OUTDATED",
    `Cannot read ${connection.path}: ${pending.length} migration(s) are pending, expected the newest schema`,
    { details: { path: connection.path, versions: pending.map(({ version }) => version) } },
  );
}
