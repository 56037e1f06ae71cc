/**
 * The planner: migrations + ledger + target -> ordered steps, or an error. It reads nothing and writes nothing.
 *
 * The disputed case is a pending migration older than the newest applied one (a branch merged late). goose
 * and Rails run it where it is found, drizzle skips it for ever without a word. We refuse and name the file:
 * running it later on one machine than on another gives two schemas under one version. `allowOutOfOrder`
 * is for the author who has looked.
 */
import { InputError } from "../errors.ts";
import type { AppliedMigration, Migration, MigrationBody } from "./migration.ts";
import {
  refuseAbandoned,
  refuseEdited,
  refuseIrreversible,
  refuseLate,
  refuseMissing,
  refuseNewer,
  refuseUnknownTarget,
  refuseUnmet,
} from "./plan-refusals.ts";
import { storedBody } from "./sql-body.ts";
import { compareWithLedger, headOf, textOf } from "./standing.ts";
import { checkBody } from "./statement-rules.ts";
import { formatVersion, NO_VERSION, type Version } from "./version.ts";

export type Direction = "up" | "down";

/** One version in one direction; the engine applies it whole or not at all. */
export interface Step {
  readonly direction: Direction;
  readonly version: Version;
  readonly name: string;
  readonly file: string;
  readonly body: MigrationBody;
  /** True when an up can be undone, be it by SQL or by a function. */
  readonly hasDown: boolean;
  /** Tables whose rows or references may go with the parents that the step takes away; the author allowed it. */
  readonly cascades?: readonly string[];
  /**
   * Asked inside the step's lock, before its first statement: whether what the step was planned for is still so.
   * Answers with the step to run; what it throws undoes the step.
   */
  readonly confirm?: () => Step;
  /** The backup that was made before the run this step belongs to; for the ledger. */
  readonly backupPath?: string;
  /** What an up leaves in the ledger. */
  readonly ledger: {
    readonly checksum: string | null;
    readonly upSql: string | null;
    readonly downSql: string | null;
  };
}

export interface PlanUpOptions {
  /** The highest version to apply; every pending one when left out. */
  readonly target?: Version;
  readonly allowOutOfOrder?: boolean;
}

/**
 * Decides which steps bring the ledger up to `target`; ascending, empty when already there.
 * @throws {OperationError} DATABASE_NEWER when the ledger is ahead of every migration.
 * @throws {MigrationError} MIGRATION_MISSING, MIGRATION_EDITED or MIGRATION_OUT_OF_ORDER.
 * @throws {InputError} MIGRATION_TARGET_UNKNOWN when `target` names no migration or lies below the head.
 */
export function planUp(
  migrations: readonly Migration[],
  ledger: readonly AppliedMigration[],
  options: PlanUpOptions = {},
): Step[] {
  const standings = compareWithLedger(migrations, ledger);
  refuseNewer(standings, ledger);
  refuseMissing(standings);
  refuseEdited(standings);
  const { target } = options;
  if (target !== undefined) refuseUnknownTarget(target, standings, headOf(ledger));
  const late = standings.filter((standing) => standing.state === "late");
  if (late.length > 0 && options.allowOutOfOrder !== true) refuseLate(late, headOf(ledger));
  const pending = standings
    .filter(({ state }) => state === "pending" || state === "late")
    .filter(({ version }) => target === undefined || version <= target)
    .map(({ migration }) => migration as Migration);
  refuseUnmet(pending, ledger);
  return pending.map(stepUp);
}

/** The up step of one migration, whatever the ledger says. */
export function stepUp(migration: Migration): Step {
  return {
    direction: "up",
    version: migration.version,
    name: migration.name,
    file: migration.file,
    body: migration.up,
    hasDown: migration.down !== null,
    ledger: {
      checksum: migration.checksum,
      upSql: textOf(migration.up),
      downSql: textOf(migration.down),
    },
  };
}

/**
 * The up step of a migration that is undone first.
 * @throws {MigrationError} MIGRATION_DEPENDENCY_UNMET when the ledger lacks what it has come to depend on.
 */
export function stepAgain(migration: Migration, ledger: readonly AppliedMigration[]): Step {
  refuseUnmet(
    [migration],
    ledger.filter(({ version }) => version !== migration.version),
  );
  return stepUp(migration);
}

export interface PlanDownOptions {
  /** The version to go back to, which stays applied; one version back when left out. */
  readonly target?: Version;
  /** Prefer the files' down sections over the ledger's, for a down that was repaired after it was applied. */
  readonly useFiles?: boolean;
}

/**
 * Decides which steps take the ledger down to `target`; descending, empty when already there.
 * SQL comes from the ledger, so that an older checkout can undo what a newer one did; functions need their module.
 * @throws {InputError} MIGRATION_TARGET_UNKNOWN when `target` is neither 0 nor applied.
 * @throws {MigrationError} MIGRATION_IRREVERSIBLE when any version on the way has no down.
 */
export function planDown(
  migrations: readonly Migration[],
  ledger: readonly AppliedMigration[],
  options: PlanDownOptions = {},
): Step[] {
  const descending = [...ledger].sort((a, b) => b.version - a.version);
  const target = options.target ?? descending[1]?.version ?? NO_VERSION;
  if (target !== NO_VERSION && !ledger.some((applied) => applied.version === target)) {
    throw new InputError(
      "MIGRATION_TARGET_UNKNOWN",
      `Cannot roll back to version ${formatVersion(target)}: it is not applied, expected 0 or an applied version`,
      { details: { target, applied: descending.map((applied) => applied.version) } },
    );
  }
  const byVersion = new Map(migrations.map((migration) => [migration.version, migration]));
  const doomed = descending.filter((applied) => applied.version > target);
  const bodies = doomed.map((applied) =>
    downOf(applied, byVersion.get(applied.version), options.useFiles === true),
  );
  refuseAbandoned(doomed, migrations, target);
  const stuck = doomed.filter((_, index) => bodies[index] === null);
  if (stuck.length > 0) refuseIrreversible(stuck, target);
  return doomed.map((applied, index) => ({
    direction: "down",
    version: applied.version,
    name: applied.name,
    file: byVersion.get(applied.version)?.file ?? ledgerFile(applied),
    body: bodies[index] as MigrationBody,
    hasDown: true,
    ledger: { checksum: applied.checksum, upSql: applied.up_sql, downSql: applied.down_sql },
  }));
}

function downOf(
  applied: AppliedMigration,
  migration: Migration | undefined,
  useFiles: boolean,
): MigrationBody | null {
  const fromFile = migration?.down ?? null;
  if (useFiles && fromFile !== null) return fromFile;
  if (applied.down_sql !== null) {
    // The file's own copy gives better positions, as long as it is the same text.
    if (fromFile?.kind === "sql" && fromFile.sql === applied.down_sql) return fromFile;
    const body = storedBody(ledgerFile(applied), applied.down_sql);
    // A ledger is a table that anybody may have written: a COMMIT in it would keep half a rollback.
    checkBody(body);
    return body;
  }
  return fromFile === null || fromFile.kind === "sql" ? null : fromFile;
}

const ledgerFile = (applied: AppliedMigration): string =>
  `ledger entry ${formatVersion(applied.version)}_${applied.name}`;
