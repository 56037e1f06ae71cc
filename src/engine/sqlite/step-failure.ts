/** Why a step could not be applied, as the error of whoever must act. */
import {
  type ErrorDetails,
  MigrationError,
  type SourcePosition,
  UsageDbError,
} from "../../errors.ts";
import type { SqlBody } from "../../migration/migration.ts";
import type { Step } from "../../migration/plan.ts";
import { positionIn, renderPosition } from "../../migration/sql-body.ts";
import type { Statement } from "../../migration/sql-scanner.ts";
import { formatVersion } from "../../migration/version.ts";
import type { ForeignKeyViolation } from "./foreign-keys.ts";
import { isSqliteError, operationalCode, toUsageDbError } from "./sqlite-errors.ts";

/** Violations beyond this many are counted, not listed. */
const MAX_LISTED_VIOLATIONS = 20;

/** The words after "Cannot" in an error about a step. */
export function actionOf({ direction, version, name }: Step): string {
  return `${direction === "up" ? "apply" : "roll back"} ${formatVersion(version)}_${name}`;
}

/** What was being done, as its errors tell it. */
export interface FailedWork {
  /** The words after "Cannot". */
  readonly action: string;
  readonly file: string;
  /** What a failed statement is called in the catalogue. */
  readonly code: "MIGRATION_FAILED" | "SEED_FAILED";
  readonly details: ErrorDetails;
  /** What to do about rows that would point at nothing, when it is not a migration's. */
  readonly orphanHint?: string;
}

function workOf(step: Step): FailedWork {
  const { version, name, file, direction } = step;
  const details = { version, name, file, direction };
  return { action: actionOf(step), file, code: "MIGRATION_FAILED", details };
}

/**
 * Refuses a step that left foreign keys broken; does nothing when there is none to blame it for.
 * @throws {MigrationError} MIGRATION_FOREIGN_KEYS with the first violations.
 */
export function refuseViolations(step: Step, blamed: readonly ForeignKeyViolation[]): void {
  refuseOrphans(workOf(step), blamed);
}

/** The same for any work on rows. */
export function refuseOrphans(
  { action, details: known, orphanHint }: FailedWork,
  blamed: readonly ForeignKeyViolation[],
): void {
  const [first] = blamed;
  if (first === undefined) return;
  const details = {
    ...known,
    violationCount: blamed.length,
    violations: blamed.slice(0, MAX_LISTED_VIOLATIONS),
  };
  const mismatch = blamed.find((violation) => violation.mismatch !== null)?.mismatch;
  if (mismatch !== undefined) {
    throw new MigrationError(
      "MIGRATION_FOREIGN_KEYS",
      `Cannot ${action}: ${mismatch}, expected every foreign key to point at a unique key`,
      { details, hint: "Make the parent column a primary key or give it a unique index." },
    );
  }
  throw new MigrationError(
    "MIGRATION_FOREIGN_KEYS",
    `Cannot ${action}: ${blamed.length} row(s) would point at nothing, the first in ${first.table} (rowid ${String(first.rowid)}) at ${first.parent}, expected none`,
    { details, ...(orphanHint === undefined ? {} : { hint: orphanHint }) },
  );
}

/** The error of a failed statement: the author's, with a position, unless the disk or another process is to blame. */
export function failureOf(
  error: unknown,
  step: Step,
  body: SqlBody | null,
  statement: Statement | null,
): UsageDbError {
  return failureAt(
    error,
    workOf(step),
    body !== null && statement !== null ? { body, statement } : null,
  );
}

/** The same for any work; `place` is null when no statement is to blame. */
export function failureAt(
  error: unknown,
  { action, file, code, details }: FailedWork,
  place: { readonly body: SqlBody; readonly statement: Statement } | null,
): UsageDbError {
  const sqliteError = isSqliteError(error)
    ? error
    : error instanceof Error && isSqliteError(error.cause)
      ? error.cause
      : null;
  if (sqliteError !== null && operationalCode(sqliteError) !== undefined)
    return toUsageDbError(sqliteError, action, details);
  if (sqliteError === null && error instanceof UsageDbError) return error;
  // A migration's own exception says nothing about the statement that happened to run before it.
  const position =
    place !== null && sqliteError !== null
      ? positionOf(place.body, place.statement, sqliteError.byteOffset)
      : null;
  const message = error instanceof Error ? error.message : String(error);
  const at = position === null ? file : renderPosition(position);
  return new MigrationError(code, `Cannot ${action}: ${message} at ${at}`, {
    details: {
      ...details,
      reason: message,
      position,
      statement: position === null ? null : (place?.statement.text ?? null),
    },
    cause: error,
  });
}

/** SQLite counts UTF-8 bytes from the start of the statement; -1 means that it does not know. */
function positionOf(body: SqlBody, statement: Statement, byteOffset: number): SourcePosition {
  if (byteOffset < 0) return positionIn(body, statement.start);
  const before = Buffer.from(statement.text, "utf8").subarray(0, byteOffset).toString("utf8");
  return positionIn(body, statement.start + before.length);
}
