/** Versions that a database already has, entered into a new ledger without being run on it. */
import { OperationError } from "../../errors.ts";
import type { AppliedMigration, Migration } from "../../migration/migration.ts";
import { type Step, stepUp } from "../../migration/plan.ts";
import { formatVersion, type Version } from "../../migration/version.ts";
import { currentActor } from "../actor.ts";
import { createMigrator } from "../migrator.ts";
import type { MigrationSource } from "../source.ts";
import { TOOL_VERSION } from "../tool-version.ts";
import type { Connection } from "./connection.ts";
import { createSqliteDriver } from "./driver.ts";
import { insertHistory } from "./history.ts";
import {
  ensureLedger,
  insertLedgerRow,
  mirroredVersion,
  schemaCookie,
  writeSchemaState,
} from "./ledger.ts";
import { IN_MEMORY, openConnection } from "./open.ts";
import { describeSchema, type SchemaObject } from "./schema.ts";
import { SchemaFingerprint } from "./schema-fingerprint.ts";

/** What versions build from nothing, and the ledger that they leave. */
export interface BuiltVersions {
  readonly ledger: readonly AppliedMigration[];
  readonly schema: readonly SchemaObject[];
}

/**
 * Applies the versions up to `version` to an empty database in memory.
 * @throws {MigrationError} as `up` does, when they do not run on an empty database.
 * @throws {InputError} MIGRATION_TARGET_UNKNOWN when no migration has this version.
 */
export function buildVersions(
  source: Pick<MigrationSource, "load" | "stamp" | "location" | "versions">,
  version: Version,
): BuiltVersions {
  using memory = openConnection(IN_MEMORY);
  const migrator = createMigrator({ driver: createSqliteDriver(memory), source });
  migrator.up({ target: version });
  return { ledger: migrator.status().appliedMigrations, schema: describeSchema(memory) };
}

export interface EnterOptions {
  readonly built: BuiltVersions;
  readonly migrations: readonly Migration[];
  /** The newest version that is entered. */
  readonly version: Version;
  /** When a version was applied, in epoch milliseconds, and how long it took. */
  readonly applied: (version: Version) => { readonly at: number; readonly executionTimeMs: number };
  readonly history: {
    readonly at: number;
    readonly action: "adopt" | "baseline";
    readonly backupPath: string | null;
    /** From where they come; null for nowhere in particular. */
    readonly detail: string | null;
  };
}

/** Writes the ledger; inside the caller's transaction, which has compared the schemas. Returns what was entered. */
export function enterVersions(
  connection: Connection,
  { built, migrations, version, applied, history }: EnterOptions,
): readonly AppliedMigration[] {
  const steps = new Map(migrations.map((migration) => [migration.version, stepUp(migration)]));
  const live = new SchemaFingerprint();
  live.refresh(connection, false);
  ensureLedger(connection);
  const actor = currentActor();
  const entered = built.ledger.map((entry) => {
    const { at, executionTimeMs } = applied(entry.version);
    return {
      ...entry,
      applied_at: at,
      execution_time_ms: executionTimeMs,
      // Equal schemas may have unequal texts; the newest entry speaks of the text that is there.
      schema_hash: entry.version === version ? live.hash : entry.schema_hash,
    };
  });
  for (const entry of entered) {
    insertLedgerRow(connection, {
      step: steps.get(entry.version) as Step,
      appliedAt: entry.applied_at,
      executionTimeMs: entry.execution_time_ms,
      schemaHash: entry.schema_hash,
      toolVersion: entry.tool_version,
      appliedBy: actor,
      schemaCookie: null,
    });
  }
  const count = `${entered.length} version(s) entered as applied, none was run`;
  insertHistory(connection, {
    at: history.at,
    version,
    name: entered.at(-1)?.name ?? "",
    action: history.action,
    outcome: "done",
    execution_time_ms: 0,
    tool_version: TOOL_VERSION,
    actor,
    backup_path: history.backupPath,
    detail: history.detail === null ? count : `${history.detail}: ${count}`,
  });
  writeSchemaState(connection, version, {
    hash: live.hash,
    cookie: schemaCookie(connection),
    drift: null,
  });
  connection.runOnce(`PRAGMA user_version = ${mirroredVersion(version)}`);
  return entered;
}

const MAX_NAMED_DIFFERENCES = 10;

/** @throws {OperationError} BASELINE_DIFFERS naming the differences, unless there are none. */
export function refuseDifferences(
  { path }: Connection,
  version: Version,
  differences: readonly string[],
): void {
  if (differences.length === 0) return;
  const named = differences.slice(0, MAX_NAMED_DIFFERENCES);
  const rest = differences.length - named.length;
  throw new OperationError(
    "BASELINE_DIFFERS",
    `Cannot take ${path} for version ${formatVersion(version)}: ${named.join("; ")}${rest === 0 ? "" : `; and ${rest} more`}; expected the schema that the migrations up to it build`,
    { details: { path, version, differences } },
  );
}
