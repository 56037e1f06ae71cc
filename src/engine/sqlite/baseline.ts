/** The ledger of a database that was built without one: versions entered as applied, nothing run on it. */
import { OperationError } from "../../errors.ts";
import type { AppliedMigration } from "../../migration/migration.ts";
import { type Step, stepUp } from "../../migration/plan.ts";
import { formatVersion, type Version } from "../../migration/version.ts";
import { createMigrator } from "../migrator.ts";
import type { MigrationSource } from "../source.ts";
import type { Connection } from "./connection.ts";
import { createSqliteDriver } from "./driver.ts";
import { currentActor } from "../actor.ts";
import { TOOL_VERSION } from "../tool-version.ts";
import { insertHistory } from "./history.ts";
import {
  ensureLedger,
  hasLedger,
  insertLedgerRow,
  mirroredVersion,
  schemaCookie,
  writeSchemaState,
} from "./ledger.ts";
import { IN_MEMORY, openConnection } from "./open.ts";
import { describeSchema, diffSchemas, SchemaFingerprint, type SchemaObject } from "./schema.ts";

export interface BaselineReport {
  /** The version that the database is at from now on. */
  readonly version: Version;
  readonly entered: readonly { readonly version: Version; readonly name: string }[];
}

export interface BaselineOptions {
  readonly source: MigrationSource;
  /** The newest version that the database already has. */
  readonly version: Version;
  /** Epoch milliseconds, for `applied_at`. */
  readonly now: () => number;
}

const MAX_NAMED_DIFFERENCES = 10;

/**
 * Enters the versions up to `version` into a new ledger, after proving that they build this very schema: they are
 * applied to an empty database in memory and the two schemas compared. Rows that migrations insert are not compared.
 * @throws {OperationError} BASELINE_LEDGER_EXISTS, or BASELINE_DIFFERS naming the differences; nothing was written.
 * @throws {MigrationError} as `up` does, when the versions do not run on an empty database.
 * @throws {InputError} MIGRATION_TARGET_UNKNOWN when no migration has this version.
 */
export function baselineDatabase(
  connection: Connection,
  { source, version, now }: BaselineOptions,
): BaselineReport {
  if (hasLedger(connection)) refuseLedger(connection);
  const { ledger, schema } = build(source, version);
  const steps = new Map(source.load().map((migration) => [migration.version, stepUp(migration)]));
  return connection.transaction(() => {
    // Another process may have migrated since the look without a lock.
    if (hasLedger(connection)) refuseLedger(connection);
    refuseDifferences(connection, version, diffSchemas(schema, describeSchema(connection)));
    const live = new SchemaFingerprint();
    live.refresh(connection, false);
    ensureLedger(connection);
    const actor = currentActor();
    const entered = ledger.map((entry) => ({
      ...entry,
      // Equal schemas may have unequal texts; the newest entry speaks of the text that is there.
      schema_hash: entry.version === version ? live.hash : entry.schema_hash,
    }));
    for (const entry of entered) {
      insertLedgerRow(connection, {
        step: steps.get(entry.version) as Step,
        appliedAt: now(),
        executionTimeMs: 0,
        schemaHash: entry.schema_hash,
        toolVersion: entry.tool_version,
        appliedBy: actor,
        schemaCookie: null,
      });
    }
    insertHistory(connection, {
      at: now(),
      version,
      name: entered.at(-1)?.name ?? "",
      action: "baseline",
      outcome: "done",
      execution_time_ms: 0,
      tool_version: TOOL_VERSION,
      actor,
      backup_path: null,
      detail: `${entered.length} version(s) entered as applied, none was run`,
    });
    writeSchemaState(connection, version, {
      hash: live.hash,
      cookie: schemaCookie(connection),
      drift: null,
    });
    connection.runOnce(`PRAGMA user_version = ${mirroredVersion(version)}`);
    return {
      version,
      entered: entered.map((entry) => ({ version: entry.version, name: entry.name })),
    };
  }, `baseline ${connection.path}`);
}

/** What the versions build from nothing, and the ledger that they leave. */
function build(
  source: MigrationSource,
  version: Version,
): { readonly ledger: readonly AppliedMigration[]; readonly schema: readonly SchemaObject[] } {
  using memory = openConnection(IN_MEMORY);
  const migrator = createMigrator({ driver: createSqliteDriver(memory), source });
  migrator.up({ target: version });
  return { ledger: migrator.status().appliedMigrations, schema: describeSchema(memory) };
}

function refuseLedger({ path }: Connection): never {
  throw new OperationError(
    "BASELINE_LEDGER_EXISTS",
    `Cannot baseline ${path}: it has a ledger, expected a database without one`,
    { details: { path } },
  );
}

function refuseDifferences(
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
