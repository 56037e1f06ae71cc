/** Undoing everything must leave nothing but the ledger. */
import type { Migration } from "../../../migration/migration.ts";
import { NO_VERSION } from "../../../migration/version.ts";
import { labelOf, objectOf, originOf, startOf } from "./position.ts";
import { failed, notTested, passed, type ProofCheck } from "./report.ts";
import type { Sandbox } from "./sandbox.ts";
import { describeSchema, diffSchemas } from "../schema.ts";

/** Rolls back as far as there are downs: to 0, or to the newest version that has none. */
export function proveRollback(sandbox: Sandbox, migrations: readonly Migration[]): ProofCheck[] {
  const barrier = migrations.findLast(({ down }) => down === null);
  const target = barrier?.version ?? NO_VERSION;
  const checks = migrations
    .filter(({ down }) => down === null)
    .map((migration) =>
      notTested(
        "rollback",
        labelOf(migration),
        { observed: "it has no down: forward only", remedy: null },
        { version: migration.version, position: startOf(migration.up) },
      ),
    );
  if (barrier !== undefined && barrier === migrations.at(-1)) return checks;
  using database = sandbox.openAt();
  database.migrator.rollback({ target, useFiles: true });
  using reference = sandbox.openAt(target);
  const differences = diffSchemas(
    describeSchema(reference.connection),
    describeSchema(database.connection),
  );
  const rows = database.migrator.status().appliedMigrations.length;
  const expected = migrations.filter(({ version }) => version <= target).length;
  if (rows !== expected) differences.push(`the ledger has ${rows} row(s), expected ${expected}`);
  if (differences.length === 0) {
    const observed =
      barrier === undefined
        ? "nothing is left but the ledger"
        : `nothing above ${labelOf(barrier)} is left`;
    return [passed("rollback", "directory", observed), ...checks];
  }
  return [...differences.map((difference) => leftover(migrations, difference)), ...checks];
}

function leftover(migrations: readonly Migration[], difference: string): ProofCheck {
  const { type, name, isLeftBehind } = objectOf(difference);
  const origin = originOf(migrations, name);
  return failed(
    "rollback",
    "directory",
    {
      observed: isLeftBehind
        ? `${type} ${name} is left behind`
        : `the schema is not what it was: ${difference}`,
      remedy: isLeftBehind
        ? `Add \`DROP ${type.toUpperCase()} ${name}\` to the down of the version that makes it.`
        : "Make the downs restore it exactly as it was.",
    },
    { ...origin, table: type === "table" ? name : null },
  );
}
