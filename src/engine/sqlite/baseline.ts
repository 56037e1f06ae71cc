/** The ledger of a database that was built without one: versions entered as applied, nothing run on it. */
import { OperationError } from "../../errors.ts";
import type { Version } from "../../migration/version.ts";
import type { MigrationSource } from "../source.ts";
import type { Connection } from "./connection.ts";
import { buildVersions, enterVersions, refuseDifferences } from "./enter-versions.ts";
import { hasLedger } from "./ledger.ts";
import { describeSchema, diffSchemas } from "./schema.ts";

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
  const built = buildVersions(source, version);
  const migrations = source.load();
  return connection.transaction(() => {
    // Another process may have migrated since the look without a lock.
    if (hasLedger(connection)) refuseLedger(connection);
    refuseDifferences(connection, version, diffSchemas(built.schema, describeSchema(connection)));
    const entered = enterVersions(connection, {
      built,
      migrations,
      version,
      applied: () => ({ at: now(), executionTimeMs: 0 }),
      history: { at: now(), action: "baseline", backupPath: null, detail: null },
    });
    return {
      version,
      entered: entered.map((entry) => ({ version: entry.version, name: entry.name })),
    };
  }, `baseline ${connection.path}`);
}

function refuseLedger({ path }: Connection): never {
  throw new OperationError(
    "BASELINE_LEDGER_EXISTS",
    `Cannot baseline ${path}: it has a ledger, expected a database without one`,
    { details: { path } },
  );
}
