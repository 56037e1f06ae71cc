/** What holds of all migrations together: a second up does nothing, and what they build is sound. */
import type { Migration } from "../../../migration/migration.ts";
import type { MigrationSource } from "../../source.ts";
import { describeSchema } from "../schema.ts";
import { validateConnection } from "../validate.ts";
import { originOf } from "./position.ts";
import { failed, notTested, passed, type ProofCheck } from "./report.ts";
import type { Sandbox, SandboxDatabase } from "./sandbox.ts";

/** The second start of a program, through the real source. */
export function proveIdempotence(sandbox: Sandbox, source: MigrationSource): ProofCheck[] {
  const path = sandbox.newPath();
  const run = (): { steps: number; state: string } => {
    using database = sandbox.open(path, source);
    const steps = database.migrator.up().steps.length;
    return { steps, state: stateOf(database) };
  };
  const first = run();
  const second = run();
  if (second.steps === 0 && second.state === first.state)
    return [passed("idempotence", "directory", "a second up does nothing")];
  return [
    failed("idempotence", "directory", {
      observed: `a second up takes ${second.steps} step(s)`,
      remedy: "Keep the migrations as they are between two runs.",
    }),
  ];
}

/** Everything a second up could change, the stamp aside. */
function stateOf({ connection, migrator }: SandboxDatabase): string {
  return JSON.stringify([describeSchema(connection), migrator.status().appliedMigrations]);
}

/** A fresh database as `migrate validate` sees it. */
export function proveValid(sandbox: Sandbox, migrations: readonly Migration[]): ProofCheck[] {
  using database = sandbox.openAt();
  const { standings } = database.migrator.status();
  const { findings, notChecked } = validateConnection(database.connection, standings);
  const checks = [
    ...findings.map(({ object, observed, remedy }) =>
      failed("validate", object, { observed, remedy }, findingPlace(migrations, object)),
    ),
    ...notChecked.map((reason) =>
      notTested("validate", "database", { observed: reason, remedy: null }),
    ),
  ];
  return findings.length > 0
    ? checks
    : [passed("validate", "database", "pages, keys, ledger and schema are sound"), ...checks];
}

/** The table and the place of a finding such as `child -> parent`. */
export function findingPlace(
  migrations: readonly Migration[],
  object: string,
): ReturnType<typeof originOf> & { readonly table: string | null } {
  const table = object.split(" -> ", 1)[0] ?? object;
  const origin = originOf(migrations, table);
  return { ...origin, table: origin.version === null ? null : table };
}
