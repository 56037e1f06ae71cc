/** What a run does about a drift: an up tells of it, a rollback refuses. */
import { MigrationError } from "../errors.ts";
import type { Migration } from "../migration/migration.ts";
import type { Drift, MigrationDriver } from "./driver.ts";
import type { MigratorOptions } from "./migrator.ts";
import { settle, type Task } from "./task.ts";

/** Looks, remembers what it saw, and tells of a drift; a database that cannot be compared is left for `status`. */
export function* tellDrift(
  { driver, onEvent }: Pick<MigratorOptions, "driver" | "onEvent">,
  migrations: readonly Migration[],
): Task<void> {
  const drift = yield* settle(driver.checkDrift(migrations, true));
  if (drift !== null && drift.differences.length > 0) onEvent?.({ type: "drifted", drift });
}

/**
 * Looks, remembers what it saw, and refuses a drift.
 * @param load asked for the migrations unless the ledger says that the schema is sound.
 * @throws {MigrationError} SCHEMA_DRIFTED.
 */
export function* refuseDrift(
  driver: MigrationDriver,
  load: () => readonly Migration[],
): Task<void> {
  const head = yield* settle(driver.readHead());
  if (head === null || (head.isSchemaKnown && !head.hasDrifted)) return;
  const drift = yield* settle(driver.checkDrift(load(), true));
  if (drift !== null) refuse(drift);
}

function refuse({ differences, unknown }: Drift): void {
  const [first] = differences;
  if (first === undefined) return;
  const more = differences.length === 1 ? "" : ` (the first of ${differences.length} differences)`;
  throw new MigrationError(
    "SCHEMA_DRIFTED",
    `Cannot roll back: ${first}${more}, expected the schema that the applied migrations build`,
    { details: { differences, unknown } },
  );
}
