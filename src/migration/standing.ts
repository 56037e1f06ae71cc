/** What a version's file and its ledger entry say of each other. */
import { isSameSql } from "./canonical-sql.ts";
import type { AppliedMigration, Migration, MigrationBody } from "./migration.ts";
import type { Direction } from "./plan.ts";
import { NO_VERSION, type Version } from "./version.ts";

/**
 * applied: in both, equal · cosmetic: in both, differing in line ends, comments, white space or name only ·
 * edited: in both, really different · pending: only a file · late: pending but older than the head ·
 * missing: only in the ledger · newer: only in the ledger and above every file.
 */
export type MigrationState =
  "applied" | "cosmetic" | "edited" | "pending" | "late" | "missing" | "newer";

export interface MigrationStanding {
  readonly version: Version;
  readonly name: string;
  readonly state: MigrationState;
  readonly migration: Migration | null;
  readonly applied: AppliedMigration | null;
  /** Which sections differ from the ledger, when edited. */
  readonly editedSections: readonly Direction[];
}

/**
 * Compares migrations with the ledger; one entry a version, ascending.
 * Down sections are compared too: the ledger's copy is the one a rollback runs.
 */
export function compareWithLedger(
  migrations: readonly Migration[],
  ledger: readonly AppliedMigration[],
): MigrationStanding[] {
  const head = headOf(ledger);
  const newest = migrations.reduce(
    (max, migration) => Math.max(max, migration.version),
    NO_VERSION,
  );
  const byVersion = new Map(ledger.map((applied) => [applied.version, applied]));
  const standings = migrations.map((migration) => {
    const applied = byVersion.get(migration.version) ?? null;
    byVersion.delete(migration.version);
    if (applied !== null) return standingOfBoth(migration, applied);
    const state: MigrationState = migration.version < head ? "late" : "pending";
    return {
      version: migration.version,
      name: migration.name,
      state,
      migration,
      applied,
      editedSections: [],
    };
  });
  for (const applied of byVersion.values()) {
    const state: MigrationState = applied.version > newest ? "newer" : "missing";
    standings.push({
      version: applied.version,
      name: applied.name,
      state,
      migration: null,
      applied,
      editedSections: [],
    });
  }
  return standings.sort((a, b) => a.version - b.version);
}

function standingOfBoth(migration: Migration, applied: AppliedMigration): MigrationStanding {
  const base = { version: migration.version, name: migration.name, migration, applied };
  const edited: Direction[] = [];
  if (isUpEdited(migration, applied)) edited.push("up");
  if (isDownEdited(migration, applied)) edited.push("down");
  if (edited.length > 0) return { ...base, state: "edited", editedSections: edited };
  const isIdentical =
    migration.name === applied.name &&
    textOf(migration.up) === applied.up_sql &&
    textOf(migration.down) === applied.down_sql;
  return { ...base, state: isIdentical ? "applied" : "cosmetic", editedSections: [] };
}

function isUpEdited(migration: Migration, applied: AppliedMigration): boolean {
  // Functions have no stable text, so their name stands in for them.
  if (migration.checksum === null || applied.checksum === null) {
    return migration.checksum !== applied.checksum || migration.name !== applied.name;
  }
  return migration.checksum !== applied.checksum;
}

function isDownEdited(migration: Migration, applied: AppliedMigration): boolean {
  if (!isText(migration.down) || !isText(migration.up)) return false;
  return !isSameSql(textOf(migration.down), applied.down_sql);
}

/** True for SQL, and for nothing at all: a function has no text to compare. */
function isText(body: MigrationBody | null): boolean {
  return body === null || body.kind === "sql";
}

/** The SQL of a body; null when there is none. */
export function textOf(body: MigrationBody | null): string | null {
  return body?.kind === "sql" ? body.sql : null;
}

/**
 * True when a rollback of this version would find its down: in the ledger once it is applied, in a module
 * when it is a function, in the file while it is pending.
 */
export function isReversible({ migration, applied }: MigrationStanding): boolean {
  if (applied === null) return migration !== null && migration.down !== null;
  return applied.down_sql !== null || !isText(migration?.down ?? null);
}

export function headOf(ledger: readonly { readonly version: Version }[]): Version {
  return ledger.reduce((max, applied) => Math.max(max, applied.version), NO_VERSION);
}
