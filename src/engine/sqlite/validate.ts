/** Proves a database file sound: pages, rows, ledger, keys and the schema that the ledger promises. */
import type { AppliedMigration, Migration } from "../../migration/migration.ts";
import { headOf, type MigrationStanding } from "../../migration/standing.ts";
import { describeProgress, type UnfinishedMigration } from "../../migration/unfinished.ts";
import { formatVersion } from "../../migration/version.ts";
import type { Connection } from "./connection.ts";
import { schemaDrift } from "./expected-schema.ts";
import { type ForeignKeyViolation, readViolations } from "./foreign-keys.ts";
import { mirroredVersion } from "./ledger.ts";
import { readProgress } from "./progress.ts";
import { toUsageDbError } from "./sqlite-errors.ts";

export type ValidationCheck = "integrity" | "foreign-keys" | "parent-keys" | "ledger" | "schema";

export interface ValidationFinding {
  readonly check: ValidationCheck;
  /** The table, index, version or setting it is about. */
  readonly object: string;
  readonly observed: string;
  readonly remedy: string;
}

export interface ValidationReport {
  readonly isValid: boolean;
  readonly findings: readonly ValidationFinding[];
  /** Checks that could not be made here, with the reason: silence would look like a pass. */
  readonly notChecked: readonly string[];
}

const PARENT_KEY_REMEDY =
  "Give the parent columns a primary key or a unique index in a new migration.";

/** Row problems beyond this many are counted, not listed. */
const MAX_LISTED = 20;

/**
 * Runs every check; reads only. `standings` come from the migrator's status.
 * @throws {OperationError} DATABASE_CORRUPT, DATABASE_BUSY or DATABASE_IO when the file can't be read at all.
 */
export function validateConnection(
  connection: Connection,
  standings: readonly MigrationStanding[],
): ValidationReport {
  try {
    return runChecks(connection, standings);
  } catch (error) {
    throw toUsageDbError(error, `validate ${connection.path}`, { path: connection.path });
  }
}

function runChecks(
  connection: Connection,
  standings: readonly MigrationStanding[],
): ValidationReport {
  const ledger = standings.flatMap(({ applied }) => (applied === null ? [] : [applied]));
  const migrations = standings.flatMap(({ migration }) => (migration === null ? [] : [migration]));
  const notChecked: string[] = [];
  const violations = readViolations(connection);
  const parentKeys = checkParentKeys(connection);
  const unfinished = readProgress(connection);
  // Half of its statements are done: the ledger promises neither that schema nor the next.
  const isHalfChanged = unfinished?.unit === "statements";
  if (isHalfChanged) notChecked.push("the schema: a version is unfinished, statement by statement");
  const findings = [
    ...checkUnfinished(unfinished),
    ...checkIntegrity(connection),
    ...checkForeignKeys(violations),
    ...parentKeys,
    ...checkMismatches(violations, parentKeys),
    ...checkLedger(connection, standings, ledger),
    ...(isHalfChanged ? [] : checkSchema(connection, ledger, migrations, notChecked)),
  ];
  return { isValid: findings.length === 0, findings, notChecked };
}

function checkUnfinished(unfinished: UnfinishedMigration | null): ValidationFinding[] {
  if (unfinished === null) return [];
  const { version, name, direction, error } = unfinished;
  const why = error === null ? "" : `; ${error}`;
  return [
    {
      check: "ledger",
      object: `${formatVersion(version)}_${name}`,
      observed: `its ${direction} is unfinished at ${describeProgress(unfinished)}${why}`,
      remedy: `Run \`migrate ${direction === "up" ? "up" : "rollback"}\` to finish it.`,
    },
  ];
}

function checkIntegrity(connection: Connection): ValidationFinding[] {
  return connection
    .readOnce(`PRAGMA integrity_check(${MAX_LISTED})`)
    .map(([message]) => String(message))
    .filter((message) => message !== "ok")
    .map((observed) => ({
      check: "integrity",
      object: connection.path,
      observed,
      remedy: "Keep this file, copy it aside and restore a backup.",
    }));
}

function checkForeignKeys(violations: readonly ForeignKeyViolation[]): ValidationFinding[] {
  const counts = new Map<string, { count: number; rowid: number | null }>();
  for (const { table, parent, rowid, mismatch } of violations) {
    if (mismatch !== null) continue;
    const key = `${table} -> ${parent}`;
    counts.set(key, {
      count: (counts.get(key)?.count ?? 0) + 1,
      rowid: counts.get(key)?.rowid ?? rowid,
    });
  }
  return [...counts].map(([object, { count, rowid }]) => ({
    check: "foreign-keys",
    object,
    observed: `${count} row(s) point at nothing, the first has rowid ${String(rowid)}`,
    remedy: "Insert the missing parents or delete these rows.",
  }));
}

/** What SQLite itself cannot check and `checkParentKeys` did not see, such as another collation. */
function checkMismatches(
  violations: readonly ForeignKeyViolation[],
  known: readonly ValidationFinding[],
): ValidationFinding[] {
  const isKnown = (table: string): boolean =>
    known.some(({ object }) => object.startsWith(`${table} -> `));
  return violations.flatMap(({ table, parent, mismatch }) =>
    mismatch === null || isKnown(table)
      ? []
      : [
          {
            check: "parent-keys",
            object: `${table} -> ${parent}`,
            observed: mismatch,
            remedy: PARENT_KEY_REMEDY,
          },
        ],
  );
}

/** A foreign key whose parent columns are not unique fails only when it is used: on inserts, and on deletes. */
function checkParentKeys(connection: Connection): ValidationFinding[] {
  const keys = connection.readOnce(
    `SELECT t.name, f."table", json_group_array(f."to")
     FROM pragma_table_list AS t, pragma_foreign_key_list(t.name) AS f
     WHERE t.schema = 'main' AND t.type = 'table'
     GROUP BY t.name, f.id`,
  );
  const findings: ValidationFinding[] = [];
  for (const [child, parent, columns] of keys) {
    const named = JSON.parse(String(columns)) as (string | null)[];
    const wanted = named.flatMap((column) => (column === null ? [] : [column.toLowerCase()]));
    const candidates = uniqueKeysOf(connection, String(parent));
    // Without column names the key means the parent's primary key, which must have as many columns.
    const isMet =
      wanted.length === 0
        ? candidates.primary.length === named.length
        : candidates.all.some((key) => isSameSet(key, wanted));
    if (isMet) continue;
    findings.push({
      check: "parent-keys",
      object: `${String(child)} -> ${String(parent)}`,
      observed: candidates.exists
        ? wanted.length === 0
          ? `the primary key of ${String(parent)} has ${candidates.primary.length} column(s), the foreign key ${named.length}`
          : `(${wanted.join(", ")}) is not unique in ${String(parent)}`
        : `${String(parent)} does not exist`,
      remedy: PARENT_KEY_REMEDY,
    });
  }
  return findings;
}

function uniqueKeysOf(
  connection: Connection,
  table: string,
): { exists: boolean; primary: string[]; all: string[][] } {
  const columns = connection.readOnce("SELECT name, pk FROM pragma_table_info(?)", table);
  const primary = columns
    .filter(([, pk]) => Number(pk) > 0)
    .map(([name]) => String(name).toLowerCase());
  const indexes = connection.readOnce(
    `SELECT name FROM pragma_index_list(?) WHERE "unique" = 1 AND partial = 0`,
    table,
  );
  const unique = indexes.map(([index]) =>
    connection
      .readOnce("SELECT name FROM pragma_index_info(?)", String(index))
      .map(([name]) => String(name).toLowerCase()),
  );
  return {
    exists: columns.length > 0,
    primary,
    all: primary.length > 0 ? [primary, ...unique] : unique,
  };
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item) => right.includes(item));
}

function checkLedger(
  connection: Connection,
  standings: readonly MigrationStanding[],
  ledger: readonly AppliedMigration[],
): ValidationFinding[] {
  const findings: ValidationFinding[] = [];
  for (const { version, name, state, editedSections } of standings) {
    const object = `${formatVersion(version)}_${name}`;
    if (state === "edited") {
      findings.push({
        check: "ledger",
        object,
        observed: `its ${editedSections.join(" and ")} section was edited after it was applied`,
        remedy: "Restore the file's text and put the change into a new migration.",
      });
    } else if (state === "missing" || state === "newer") {
      findings.push({
        check: "ledger",
        object,
        observed: "it is applied but has no file",
        remedy: "Restore the file.",
      });
    } else if (state === "late") {
      findings.push({
        check: "ledger",
        object,
        observed: "it is pending but older than the newest applied version",
        remedy: "Give it a higher version, or apply it with --allow-out-of-order.",
      });
    }
  }
  const mirrored = Number(connection.readOnce("PRAGMA user_version")[0]?.[0]);
  const expected = mirroredVersion(headOf(ledger));
  if (ledger.length > 0 && mirrored !== expected) {
    findings.push({
      check: "ledger",
      object: "PRAGMA user_version",
      observed: `it is ${mirrored}, the ledger's head is ${expected}`,
      remedy: `Something else wrote it; run PRAGMA user_version = ${expected}.`,
    });
  }
  return findings;
}

/** Compares the schema with what the ledger's own up sections build in an empty database. */
function checkSchema(
  connection: Connection,
  ledger: readonly AppliedMigration[],
  migrations: readonly Migration[],
  notChecked: string[],
): ValidationFinding[] {
  const { differences, unknown } = schemaDrift(connection, ledger, migrations);
  if (unknown !== null) notChecked.push(`schema: ${unknown}`);
  return differences.map((difference) => ({
    check: "schema",
    object: difference.split(" ", 2).join(" "),
    observed: difference,
    remedy: "Run `migrate diff` for the SQL that mends it, or put the change into a migration.",
  }));
}
