/** SQLite's result codes, as usagedb's errors. */
import { SQLiteError } from "bun:sqlite";
import {
  InputError,
  OperationError,
  UsageDbError,
  type ErrorCode,
  type ErrorDetails,
} from "../../errors.ts";

/** Primary result codes (the low byte of an extended one) and what each means for the caller. */
const PRIMARY_CODES: Readonly<Record<number, ErrorCode>> = {
  3: "DATABASE_READONLY",
  5: "DATABASE_BUSY",
  6: "DATABASE_BUSY",
  8: "DATABASE_READONLY",
  10: "DATABASE_IO",
  11: "DATABASE_CORRUPT",
  13: "DATABASE_FULL",
  14: "DATABASE_CANNOT_OPEN",
  19: "CONSTRAINT_VIOLATED",
  26: "DATABASE_NOT_SQLITE",
};

export const SQLITE_BUSY = 5;
export const SQLITE_CONSTRAINT_FOREIGNKEY = 787;

/** What SQLite says of a damaged header under its code for a wrong statement. */
const DAMAGE = /^unsupported file format$/;

/** True for SQLite's own errors. */
export function isSqliteError(error: unknown): error is SQLiteError {
  return error instanceof SQLiteError;
}

/** The catalogue's code for a failure of the environment, undefined when the statement itself is at fault. */
export function operationalCode(error: SQLiteError): ErrorCode | undefined {
  const code = DAMAGE.test(error.message) ? "DATABASE_CORRUPT" : PRIMARY_CODES[error.errno & 0xff];
  return code === "CONSTRAINT_VIOLATED" ? undefined : code;
}

/** The catalogue's code for what the file system refused; null for an error of anything else. */
function fileErrorCode(error: unknown): ErrorCode | null {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return null;
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return "DATABASE_FULL";
    case "EIO":
      return "DATABASE_IO";
    case "EROFS":
    case "EACCES":
    case "EPERM":
      return "DATABASE_READONLY";
    default:
      return "DATABASE_CANNOT_OPEN";
  }
}

/**
 * Turns whatever bun:sqlite threw into a typed error; typed errors pass through.
 * SQLite's messages name tables, columns and constraints but never values, so they may be shown.
 */
export function toUsageDbError(
  error: unknown,
  action: string,
  details: ErrorDetails = {},
): UsageDbError {
  if (error instanceof UsageDbError) return error;
  if (!isSqliteError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    if (/database has closed|closed database|finalized/i.test(message)) {
      return new InputError(
        "DATABASE_CLOSED",
        `Cannot ${action}: the database is closed, expected an open one`,
        {
          details,
          cause: error,
        },
      );
    }
    const fileCode = fileErrorCode(error);
    if (fileCode !== null) {
      return new OperationError(fileCode, `Cannot ${action}: ${message}`, {
        details,
        cause: error,
        hint: "Check that the folder exists, may be written and has room.",
      });
    }
    return new UsageDbError("SQL_FAILED", `Cannot ${action}: ${message}`, {
      details,
      cause: error,
    });
  }
  const code = DAMAGE.test(error.message)
    ? "DATABASE_CORRUPT"
    : (PRIMARY_CODES[error.errno & 0xff] ?? "SQL_FAILED");
  const init = {
    details: { ...details, sqliteCode: error.code ?? null, sqliteErrno: error.errno },
    cause: error,
  };
  const message = `Cannot ${action}: ${error.message}`;
  if (code === "CONSTRAINT_VIOLATED") return new InputError(code, message, init);
  if (code === "SQL_FAILED") return new UsageDbError(code, message, init);
  return new OperationError(code, message, init);
}
