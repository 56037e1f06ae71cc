/**
 * Taking over a database whose migrations another tool applied: its ledger is read, its entries are matched with
 * the files of a directory, the files are proved to build this very schema, and a ledger of ours is written, all in
 * one transaction.
 */
import { OperationError } from "../../../errors.ts";
import type { Migration } from "../../../migration/migration.ts";
import { NO_VERSION, type Version } from "../../../migration/version.ts";
import type { MigrationSource } from "../../source.ts";
import type { Connection } from "../connection.ts";
import {
  buildVersions,
  type BuiltVersions,
  enterVersions,
  refuseDifferences,
} from "../enter-versions.ts";
import {
  ENGINE_TABLES,
  FORMER_LEDGER_TABLE,
  FORMER_LOCK_TABLE,
  LEDGER_TABLE,
} from "../ledger-tables.ts";
import { hasLedger } from "../ledger.ts";
import { safetyBackup, type SafetyBackup } from "../safety-backup.ts";
import { describeSchema, diffSchemas } from "../schema.ts";
import { readForeignLedger } from "./detect.ts";
import type { ForeignLedger, ForeignTool } from "./foreign-ledger.ts";
import { type AppliedElsewhere, labelOf, matchLedger } from "./match.ts";
import { quoteIdentifier } from "../quote.ts";
import { columnsOf, lockTableOf } from "./readers.ts";

export interface AdoptLedgerOptions {
  readonly source: MigrationSource;
  /** Whose ledger counts; the only one that is there when left out. */
  readonly from?: ForeignTool;
  /**
   * The ledger's table, where that tool was told to use another than its own; needs `from`. It moves aside, as a
   * table of that name could be the user's.
   */
  readonly table?: string;
  /** Epoch milliseconds; the `applied_at` of what was applied at a time that nobody knows. */
  readonly now: () => number;
  /** Makes no verified copy of the database before writing into it when false. */
  readonly withBackup?: boolean;
  /** Finds out everything and writes nothing. */
  readonly dryRun?: boolean;
  readonly onBackup?: (backup: SafetyBackup) => void;
}

export interface LedgerAdoption {
  readonly isDryRun: boolean;
  /** False when the ledger had been taken over before, and nothing was left to do. */
  readonly isNew: boolean;
  readonly tool: ForeignTool | null;
  /** The version that the database is at. */
  readonly version: Version;
  readonly entered: readonly {
    readonly version: Version;
    readonly name: string;
    /** Epoch milliseconds. */
    readonly applied_at: number;
    /** False when the other tool does not say when: then it is the moment of taking over. */
    readonly isTimeKnown: boolean;
  }[];
  /** The other tool's table as it is called from now on; null when there is none. */
  readonly keptTable: string | null;
  readonly backup: string | null;
}

/**
 * Takes over the ledger of another tool. A second run finds nothing to do.
 * @throws {OperationError} ADOPT_LEDGER_UNKNOWN, ADOPT_LEDGER_DIRTY, ADOPT_LEDGER_DIFFERS or BASELINE_DIFFERS,
 *   each naming what is in the way; BASELINE_LEDGER_EXISTS when a ledger of ours is there that was not taken over,
 *   or that the other tool has gone ahead of. Nothing was written.
 * @throws {MigrationError} as `up` does, when the files do not run on an empty database.
 */
export function adoptLedger(connection: Connection, options: AdoptLedgerOptions): LedgerAdoption {
  const migrations = options.source.load();
  // The files as they were read once: an edit meanwhile must not be proved in place of what is entered.
  const source: MigrationSource = { ...options.source, load: () => migrations };
  const found = connection.reading(() => {
    if (hasOurs(connection)) return null;
    const findings = examine(connection, { migrations, options });
    const built = build(source, findings.version);
    refuseDrift(connection, findings, built);
    return { findings, built };
  });
  if (found === null) return alreadyAdopted(connection, { migrations, options });
  if (options.dryRun === true) return report(found.findings, options, null);
  const backup = backUp(connection, found.findings.version, options);
  return connection.transaction(() => {
    // Others may have written since: a migration of the other tool, or this very adoption.
    if (hasOurs(connection)) return alreadyAdopted(connection, { migrations, options });
    const findings = examine(connection, { migrations, options });
    const isSame = findings.version === found.findings.version;
    const built = isSame ? found.built : build(source, findings.version);
    refuseDrift(connection, findings, built);
    for (const table of tablesToMove(findings.ledger)) moveAside(connection, table);
    const result = report(findings, options, backup?.path ?? null);
    const times = new Map(result.entered.map((entry) => [entry.version, entry.applied_at]));
    const durations = new Map(
      findings.applied.map(({ migration, entry }) => [migration.version, entry.executionTimeMs]),
    );
    enterVersions(connection, {
      built,
      migrations,
      version: findings.version,
      applied: (version) => ({
        at: times.get(version) ?? options.now(),
        executionTimeMs: durations.get(version) ?? 0,
      }),
      history: {
        at: options.now(),
        action: "adopt",
        backupPath: backup?.path ?? null,
        detail: `from the ledger of ${findings.ledger.tool}`,
      },
    });
    return result;
  }, `take over the ledger of ${connection.path}`);
}

interface Findings {
  readonly ledger: ForeignLedger;
  readonly applied: readonly AppliedElsewhere[];
  readonly version: Version;
}

interface Examination {
  readonly migrations: readonly Migration[];
  readonly options: AdoptLedgerOptions;
}

function examine(connection: Connection, { migrations, options }: Examination): Findings {
  const { from, table } = options;
  const ledger = readForeignLedger(connection, { from, table });
  const applied = matchLedger(ledger, migrations);
  return { ledger, applied, version: applied.at(-1)?.migration.version ?? NO_VERSION };
}

/** A ledger without entries promises an empty schema. */
function build(source: MigrationSource, version: Version): BuiltVersions {
  return version === NO_VERSION ? { ledger: [], schema: [] } : buildVersions(source, version);
}

/** True when `schema_migrations` is ours; another tool's counts for none. */
function hasOurs(connection: Connection): boolean {
  return columnsOf(connection, LEDGER_TABLE).includes("schema_hash") && hasLedger(connection);
}

function refuseDrift(
  connection: Connection,
  { ledger, version }: Findings,
  built: BuiltVersions,
): void {
  const observed = describeSchema(connection, tablesToMove(ledger));
  refuseDifferences(connection, version, diffSchemas(built.schema, observed));
}

function backUp(
  connection: Connection,
  version: Version,
  { withBackup = true, now, onBackup }: AdoptLedgerOptions,
): SafetyBackup | null {
  const backup = withBackup ? safetyBackup(connection, { fromVersion: version, now }) : null;
  if (backup !== null) onBackup?.(backup);
  return backup;
}

/** Ours has the very name that dbmate, golang-migrate and Rails use; names of a user's own are not known later. */
function tablesToMove({ table }: ForeignLedger): string[] {
  return ENGINE_TABLES.has(table) ? [LEDGER_TABLE] : [LEDGER_TABLE, table, lockTableOf(table)];
}

/** The rows stay, under a name that nobody else uses. */
function moveAside(connection: Connection, table: string): void {
  if (columnsOf(connection, table).length === 0) return;
  const isLock = columnsOf(connection, table).includes("is_locked");
  const target = isLock ? FORMER_LOCK_TABLE : FORMER_LEDGER_TABLE;
  if (columnsOf(connection, target).length > 0) {
    throw new OperationError(
      "BASELINE_LEDGER_EXISTS",
      `Cannot take over the ledger of ${connection.path}: ${target} is there already, expected its name to be free for ${table}`,
      {
        details: { path: connection.path, table: target },
        hint: `Rename ${target}, and adopt again.`,
      },
    );
  }
  // Without it SQLite reads every view and trigger anew: one that is broken would fail the renaming, and one that
  // looks at the ledger would follow the old table instead of the name.
  connection.runOnce("PRAGMA legacy_alter_table = ON");
  try {
    connection.runOnce(`ALTER TABLE ${quoteIdentifier(table)} RENAME TO ${target}`);
  } finally {
    connection.runOnce("PRAGMA legacy_alter_table = OFF");
  }
}

function report(
  { ledger, applied, version }: Findings,
  { now, dryRun = false }: AdoptLedgerOptions,
  backup: string | null,
): LedgerAdoption {
  return {
    isDryRun: dryRun,
    isNew: true,
    tool: ledger.tool,
    version,
    entered: applied.map(({ migration, entry }) => ({
      version: migration.version,
      name: migration.name,
      applied_at: entry.appliedAt ?? now(),
      isTimeKnown: entry.appliedAt !== null,
    })),
    keptTable: tablesToMove(ledger).includes(ledger.table) ? FORMER_LEDGER_TABLE : ledger.table,
    backup,
  };
}

/** The second run: fine, unless the other tool's ledger knows of more than ours. */
function alreadyAdopted(
  connection: Connection,
  { migrations, options }: Examination,
): LedgerAdoption {
  const versions = connection
    .readOnce(`SELECT version FROM ${LEDGER_TABLE} ORDER BY version`)
    .map(([version]) => version as Version);
  const findings = laterFindings(connection, { migrations, options });
  const ahead = findings?.applied.filter(({ migration }) => !versions.includes(migration.version));
  if (ahead !== undefined && ahead.length > 0)
    refuseOurs(
      connection,
      `${findings?.ledger.table} has ${ahead.map(({ migration }) => labelOf(migration)).join(", ")}, which it has not`,
    );
  if (findings === null && columnsOf(connection, FORMER_LEDGER_TABLE).length === 0)
    refuseOurs(connection, "no other tool's is there");
  return {
    isDryRun: options.dryRun === true,
    isNew: false,
    tool: findings?.ledger.tool ?? null,
    version: versions.at(-1) ?? NO_VERSION,
    entered: [],
    keptTable: findings?.ledger.table ?? FORMER_LEDGER_TABLE,
    backup: null,
  };
}

/** Null when the other tool's table is the one that was renamed. */
function laterFindings(connection: Connection, examination: Examination): Findings | null {
  try {
    return examine(connection, examination);
  } catch (error) {
    if (error instanceof OperationError && error.code === "ADOPT_LEDGER_UNKNOWN") return null;
    throw error;
  }
}

function refuseOurs({ path }: Connection, observed: string): never {
  throw new OperationError(
    "BASELINE_LEDGER_EXISTS",
    `Cannot take over a ledger of ${path}: it has a ledger of usagedb, and ${observed}, expected one that was taken over`,
    { details: { path, observed } },
  );
}
