/** Migrations that were read once: a file that is edited meanwhile must not change what is being looked at. */
import type { Migration } from "../migration/migration.ts";
import type { MigrationSource } from "./source.ts";

export function fixedSource(migrations: readonly Migration[], location: string): MigrationSource {
  return {
    location,
    versions: () => migrations.map(({ version }) => version),
    stamp: () => ({ value: "", isSettled: false }),
    load: () => migrations,
  };
}
