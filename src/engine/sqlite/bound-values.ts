/** Values on their way into a statement: what SQLite would store as something else, in silence, is refused. */
import { describeKind, MigrationError } from "../../errors.ts";
import type { SqlValue } from "../../migration/migration.ts";

/**
 * Refuses what would not arrive as it is: `undefined` and NaN become NULL, so that a misspelt property makes a
 * condition that no row meets; integers from 2^53 are rounded, BigInts from 2^63 wrap, lone surrogates become U+FFFD.
 * @throws {MigrationError} MIGRATION_FAILED naming the value's place.
 */
export function checkBoundValues(values: readonly SqlValue[], file: string): void {
  for (const [index, value] of values.entries()) {
    const problem = problemOf(value);
    if (problem === null) continue;
    throw new MigrationError(
      "MIGRATION_FAILED",
      `Cannot bind value ${index + 1} in ${file}: it is ${problem}, expected a value that SQLite stores as it is`,
      { details: { file, index, reason: problem } },
    );
  }
}

const INT64 = 2n ** 63n;

function problemOf(value: unknown): string | null {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? null : "text with a lone surrogate";
    case "number":
      if (Number.isNaN(value)) return "NaN";
      return Number.isInteger(value) && !Number.isSafeInteger(value)
        ? "an integer beyond 2^53, which a BigInt would carry"
        : null;
    case "bigint":
      return value >= -INT64 && value < INT64 ? null : "a BigInt beyond 64 bits";
    case "boolean":
      return null;
    default:
      return value === null || value instanceof Uint8Array ? null : describeKind(value);
  }
}
