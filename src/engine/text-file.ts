/** Reading the text files of migrations, strictly. */
import { readFileSync } from "node:fs";
import { MigrationError } from "../errors.ts";

/**
 * Reads a file as UTF-8, byte order mark and line ends included.
 * @throws {MigrationError} MIGRATION_FILE_INVALID for a folder, a dead link, a file that may not be read or is not UTF-8.
 */
export function readTextFile(file: string): string {
  return decode(file, readBytes(file));
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
    throw new MigrationError(
      "MIGRATION_FILE_INVALID",
      `Cannot read ${file}: ${observed}, expected a readable file`,
      {
        details: { fileName: file, reason: observed },
        hint: "Make it a readable file, or move it out of the directory.",
        cause,
      },
    );
  }
}

/** Decodes strictly: a byte that is not UTF-8 must not become another character in silence. */
function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new MigrationError(
      "MIGRATION_FILE_INVALID",
      `Cannot read ${file}: it is not UTF-8, expected UTF-8 text`,
      {
        details: { fileName: file, reason: "not UTF-8" },
        hint: "Save the file as UTF-8.",
        cause,
      },
    );
  }
}
