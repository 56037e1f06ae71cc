/** Where a change file may be written: nowhere, or in the place of an earlier one. */
import { closeSync, lstatSync, openSync, readSync } from "node:fs";
import { constants, zstdDecompressSync } from "node:zlib";
import { openUntouched } from "../../engine/sqlite/open-untouched.ts";
import { InputError, UsageDbError } from "../../errors.ts";

/** By which a change file begins. */
export const FORMAT = "usagedb-changes";

/**
 * A slip of the finger must not cost somebody's own file, the database itself among them.
 * @throws {InputError} CHANGE_FILE_INVALID.
 */
export function refuseOtherFile(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isFile() && (stat.size === 0 || (!isDatabase(path) && isChangeFile(path)))) return;
  const observed = "it exists and is something else";
  throw new InputError(
    "CHANGE_FILE_INVALID",
    `Cannot write ${path}: ${observed}, expected a new file, or an earlier export`,
    { details: { path, observed }, hint: "Name another file, or delete that one first." },
  );
}

/**
 * Asked of SQLite before the file is opened without it: a close behind SQLite's back takes away the locks that it holds
 * for this process.
 */
function isDatabase(path: string): boolean {
  try {
    openUntouched(path).close();
    return true;
  } catch (error) {
    return !(error instanceof UsageDbError && error.code === "DATABASE_NOT_SQLITE");
  }
}

/** More than a block of zstd, and so the header. */
const HEAD_BYTES = 192 << 10;
const MAX_HEAD_BYTES = 64 << 20;

/** Whether a file begins as one that `usagedb export` wrote; not whether it is whole. */
function isChangeFile(path: string): boolean {
  const descriptor = openSync(path, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const length = readSync(descriptor, head, 0, HEAD_BYTES, 0);
    const text = zstdDecompressSync(head.subarray(0, length), {
      finishFlush: constants.ZSTD_e_flush,
      maxOutputLength: MAX_HEAD_BYTES,
    });
    return text.toString("latin1", 0, 100).startsWith(`{"format":"${FORMAT}"`);
  } catch {
    // No zstd, or a bomb.
    return false;
  } finally {
    closeSync(descriptor);
  }
}
