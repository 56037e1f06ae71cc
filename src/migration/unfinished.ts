/**
 * Migrations that are neither applied nor not: batched ones between two chunks, and those without a transaction
 * between two statements. Whatever else is asked for waits until they are finished, undone or cleared.
 */
import { MigrationError } from "../errors.ts";
import { canonicalSql } from "./canonical-sql.ts";
import type { AppliedMigration, Migration, MigrationBody, SqlBody } from "./migration.ts";
import type { Direction, Step } from "./plan.ts";
import { statementsOf } from "./sql-body.ts";
import { headOf } from "./standing.ts";
import { formatVersion, type Version } from "./version.ts";

export interface UnfinishedMigration {
  readonly version: Version;
  readonly name: string;
  readonly direction: Direction;
  /** What it goes through: rows of a table, or its own statements. */
  readonly unit: "rows" | "statements";
  /** failed: the last attempt ended with `error`; running: it goes on, or was killed. */
  readonly state: "running" | "failed";
  readonly done: number;
  /** As counted when it began; never below `done`. */
  readonly total: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly updatedAt: number;
  /** Of a batched module's text; null when it has none. */
  readonly checksum: string | null;
  /** The statements that are done, in canonical form; null for rows. */
  readonly doneSql: string | null;
  /** The statement that failed, or that a killed run may or may not have finished. */
  readonly statement: string | null;
  readonly error: string | null;
}

/** True for a body that the engine applies in several transactions. */
export function isInParts(body: MigrationBody): boolean {
  return body.kind === "batched" || (body.kind === "sql" && body.isTransactional === false);
}

/** `43 % (860,000 of 2,000,000 rows)`. */
export function describeProgress({
  done,
  total,
  unit,
}: Pick<UnfinishedMigration, "done" | "total" | "unit">): string {
  const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",");
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  return `${percent} % (${grouped(done)} of ${grouped(total)} ${unit})`;
}

/** The first `count` statements in the form in which they are compared. */
export function doneSqlOf(body: SqlBody, count: number): string {
  return statementsOf(body)
    .slice(0, count)
    .map(({ text }) => `${canonicalSql(text)};`)
    .join("\n");
}

/**
 * Puts the unfinished version in front of the steps of an `up`.
 * @throws {MigrationError} MIGRATION_UNFINISHED when it is a rollback that is unfinished, or when other versions are to
 *   run past it; MIGRATION_MISSING or MIGRATION_EDITED when its file is not the one that began.
 */
export function continueUp(
  steps: readonly Step[],
  unfinished: UnfinishedMigration | null,
  migrations: readonly Migration[],
): Step[] {
  if (unfinished === null) return [...steps];
  const { version, direction } = unfinished;
  if (direction === "down") refuseUnfinished("migrate", unfinished);
  const migration = migrations.find((one) => one.version === version);
  if (migration === undefined) return refuseMissing(unfinished);
  const own = steps.find((step) => step.version === version);
  if (own === undefined) {
    if (steps.length > 0) refuseUnfinished("migrate past it", unfinished);
    return [];
  }
  refuseEdited(unfinished, own);
  return [own, ...steps.filter((step) => step !== own)];
}

/**
 * Puts what undoes, or goes on undoing, the unfinished version in front of the steps of a rollback.
 * @throws {MigrationError} MIGRATION_IRREVERSIBLE when it has no down; MIGRATION_EDITED, MIGRATION_MISSING.
 */
export function continueDown(
  steps: readonly Step[],
  unfinished: UnfinishedMigration | null,
  load: () => readonly Migration[],
): Step[] {
  if (unfinished === null) return [...steps];
  const { version, name, direction } = unfinished;
  const own = steps.find((step) => step.version === version);
  if (own !== undefined) {
    refuseEdited(unfinished, own);
    return [own, ...steps.filter((step) => step !== own)];
  }
  const migration = load().find((one) => one.version === version);
  if (migration === undefined) return refuseMissing(unfinished);
  if (migration.down === null) {
    throw new MigrationError(
      "MIGRATION_IRREVERSIBLE",
      `Cannot roll back ${labelOf(unfinished)}: it is unfinished and has no down, expected one`,
      {
        details: { versions: [version] },
        hint: `Finish it with \`migrate up\`, or forget its progress with \`migrate repair --clear ${version}\`; what it changed stays.`,
      },
    );
  }
  const step: Step = {
    direction: "down",
    version,
    name,
    file: migration.file,
    body: migration.down,
    hasDown: true,
    ledger: { checksum: migration.checksum, upSql: null, downSql: null },
  };
  if (direction === "down") refuseEdited(unfinished, step);
  return [step, ...steps];
}

/** Where "one back" leads: with an unfinished up, to the newest applied version; null for the usual rule. */
export function targetBefore(
  unfinished: UnfinishedMigration | null,
  ledger: readonly AppliedMigration[],
): Version | null {
  const isOutside =
    unfinished !== null && !ledger.some(({ version }) => version === unfinished.version);
  return isOutside ? headOf(ledger) : null;
}

/** @throws {MigrationError} MIGRATION_UNFINISHED always. */
export function refuseUnfinished(action: string, unfinished: UnfinishedMigration): never {
  const { version, direction, unit, done, total, error } = unfinished;
  const isUp = direction === "up";
  const why = error === null ? "" : `; it failed: ${error}`;
  throw new MigrationError(
    "MIGRATION_UNFINISHED",
    `Cannot ${action}: ${isUp ? "" : "the rollback of "}${labelOf(unfinished)} is unfinished at ${describeProgress(unfinished)}${why}, expected it to be finished first`,
    {
      details: { version, direction, unit, done, total, error },
      hint: isUp
        ? "Run `migrate up` to finish it, or `migrate rollback` to undo it."
        : "Run `migrate rollback` to finish it.",
    },
  );
}

function refuseMissing(unfinished: UnfinishedMigration): never {
  throw new MigrationError(
    "MIGRATION_MISSING",
    `Cannot go on with ${labelOf(unfinished)}: it is unfinished at ${describeProgress(unfinished)} but its file is gone, expected the file that began`,
    { details: { versions: [unfinished.version] } },
  );
}

function refuseEdited(
  unfinished: UnfinishedMigration,
  { body, direction, name, file }: Step,
): void {
  // A version whose down begins anew has nothing to be compared with.
  if (direction !== unfinished.direction) return;
  if (name === unfinished.name && isSameSoFar(unfinished, body)) return;
  throw new MigrationError(
    "MIGRATION_EDITED",
    `Cannot go on with ${labelOf(unfinished)}: ${file} was edited since it began and stands at ${describeProgress(unfinished)}, expected ${unfinished.unit === "rows" ? "the text that began" : "the statements that are done to be as they were"}`,
    {
      details: { versions: [unfinished.version], files: [file] },
      hint: `Restore the file's text, or forget the progress with \`migrate repair --clear ${unfinished.version}\`; what was changed so far stays.`,
    },
  );
}

function isSameSoFar(
  { unit, checksum, doneSql, done }: UnfinishedMigration,
  body: MigrationBody,
): boolean {
  if (body.kind === "batched") return unit === "rows" && body.checksum === checksum;
  if (body.kind !== "sql" || unit !== "statements" || body.isTransactional !== false) return false;
  return doneSqlOf(body, done) === doneSql;
}

const labelOf = ({ version, name }: UnfinishedMigration): string =>
  `${formatVersion(version)}_${name}`;
