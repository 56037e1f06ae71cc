/** Why a reader could not open a file in WAL mode, and what it can do about it. */
import { OperationError, type UsageDbError } from "../../errors.ts";

/**
 * In WAL mode even a reader needs a `-shm` beside the file, and so a folder that it may write. Reading without one
 * (`immutable`) is right only while nobody writes, which a reader cannot know; so the way out is a copy.
 */
export function readerFailure(error: UsageDbError, path: string): UsageDbError {
  if (error.code !== "DATABASE_READONLY" && error.code !== "DATABASE_CANNOT_OPEN") return error;
  return new OperationError(
    error.code,
    `Cannot read ${path}: the file or its folder is closed to this user, expected a folder where SQLite may put a -shm beside it`,
    {
      details: error.details,
      hint: "Copy the file, with its -wal when there is one, to a folder that you may write, and read the copy.",
      cause: error.cause,
    },
  );
}
