/** Whether a schema is still what its ledger says: one number in the everyday case, a full comparison when it moved. */
import type { Migration } from "../../migration/migration.ts";
import type { Drift } from "../driver.ts";
import type { Connection } from "./connection.ts";
import { writeIfIdle } from "./idle-write.ts";
import {
  ensureLedger,
  hasLedger,
  readAppliedVersions,
  readLedgerHead,
  readLedgerRows,
  recordedHash,
  schemaCookie,
  writeSchemaState,
} from "./ledger.ts";
import { SchemaFingerprint } from "./schema-fingerprint.ts";
import { toUsageDbError } from "./sqlite-errors.ts";

/**
 * Compares the schema with what the ledger's migrations build; null without a ledger, or with nothing in it.
 *
 * SQLite's schema cookie rises with every change that commits. As long as it is the one that the ledger remembers,
 * nothing is compared; when it moved, the schema's hash is, and only when that differs too the schema is built anew
 * from the ledger. With `isRemembered` the result is written to the ledger.
 */
export function checkDrift(
  connection: Connection,
  migrations: readonly Migration[],
  isRemembered: boolean,
): Drift | null {
  try {
    return connection.inTransaction
      ? check(connection, migrations, false)
      : check(connection, migrations, isRemembered);
  } catch (error) {
    throw toUsageDbError(error, `check the schema of ${connection.path}`, {
      path: connection.path,
    });
  }
}

function check(
  connection: Connection,
  migrations: readonly Migration[],
  isRemembered: boolean,
): Drift | null {
  const head = readLedgerHead(connection);
  if (head === null) return null;
  if (head.isSchemaKnown)
    return { differences: head.hasDrifted ? rememberedDrift(connection) : [], unknown: null };
  const seen = connection.reading(() => compare(connection, migrations));
  if (isRemembered && seen !== null) remember(connection, seen);
  return seen?.drift ?? null;
}

interface Comparison {
  readonly drift: Drift;
  readonly hash: string;
  readonly cookie: number;
  readonly headVersion: number;
}

/** Of one state of the database, whatever others commit meanwhile. */
function compare(connection: Connection, migrations: readonly Migration[]): Comparison | null {
  if (!hasLedger(connection)) return null;
  const ledger = readLedgerRows(connection);
  const newest = ledger.at(-1);
  if (newest === undefined) return null;
  const fingerprint = new SchemaFingerprint();
  fingerprint.refresh(connection, false);
  const { hash } = fingerprint;
  const { schemaDrift } = require("./expected-schema.ts") as typeof import("./expected-schema.ts");
  const drift =
    hash === newest.schema_hash
      ? { differences: [], unknown: null }
      : schemaDrift(connection, ledger, migrations);
  return { drift, hash, cookie: schemaCookie(connection), headVersion: newest.version };
}

/** The differences that the last comparison found. */
function rememberedDrift(connection: Connection): string[] {
  const text = connection.readOnce(
    "SELECT schema_drift FROM schema_migrations ORDER BY version DESC LIMIT 1",
  )[0]?.[0];
  const differences: unknown = typeof text === "string" ? JSON.parse(text) : [];
  return Array.isArray(differences) ? differences.map(String) : [];
}

/** Only a cache: when it cannot be written now, the next look compares again. */
function remember(connection: Connection, { drift, hash, cookie, headVersion }: Comparison): void {
  writeIfIdle(connection, () => {
    const isSame =
      schemaCookie(connection) === cookie && readAppliedVersions(connection).at(-1) === headVersion;
    if (!isSame) return;
    ensureLedger(connection);
    const isDrifted = drift.differences.length > 0;
    writeSchemaState(connection, headVersion, {
      // The hash of a drifted schema stays that of the sound one, so that mending it is noticed.
      hash: isDrifted || drift.unknown !== null ? (recordedHash(connection) ?? hash) : hash,
      cookie: drift.unknown === null ? schemaCookie(connection) : null,
      drift: isDrifted ? JSON.stringify(drift.differences) : null,
    });
  });
}
