import { writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { readBundleEntries, renderBundle } from "../../src/engine/bundle.ts";
import { directorySource } from "../../src/engine/directory.ts";
import { bundleSource, bundleStamp, type MigrationBundle } from "../../src/engine/source.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { ownMigrations } from "../../src/store/schema.ts";
import { codeOf } from "../support/error-of.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import { column, migratorOver } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

describe("a bundle", () => {
  it("brings every character through: backslashes, backticks, placeholders, bare returns", async () => {
    using folder = tempFolder();
    using db = openConnection(":memory:");
    const nasty = "\\n `x` ${y} \\${z} \r é 😀 </script>";
    const directory = writeMigrations(folder.at("m"), {
      "001_a.sql": sections(
        `CREATE TABLE a (x);\nINSERT INTO a VALUES ('${nasty}');`,
        "DROP TABLE a;",
      ),
      "002_b.sql": "\ufeffCREATE TABLE b (x);\r\n",
    });
    const entries = readBundleEntries(directorySource(directory));
    const path = folder.at("bundle.ts");
    writeFileSync(path, renderBundle(entries, "usagedb/migrate"));
    const { migrations } = (await import(path)) as { migrations: MigrationBundle };
    expect(migrations.versions).toEqual([1, 2]);
    expect(migrations.load()).toEqual(entries);
    expect(migrations.stamp).toBe(bundleStamp(migrations.load()));
    const source = bundleSource(migrations, "a bundle");
    expect(source.stamp()).toEqual({ value: migrations.stamp, isSettled: true });
    migratorOver(db, source).up();
    expect(column(db, "SELECT x FROM a")).toEqual([nasty]);
    // The same database, now with the directory: nothing is pending, nothing is edited.
    expect(migratorOver(db, directorySource(directory)).up().steps).toEqual([]);
  });

  it.each([
    ["a module", { "001_a.ts": "export const up = () => {};" }],
    ["a pair", { "001_a.up.sql": "SELECT 1;", "001_a.down.sql": "SELECT 2;" }],
  ])("refuses %s", (_, files) => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), files);
    expect(codeOf(() => readBundleEntries(directorySource(directory)))).toBe(
      "MIGRATION_FILE_INVALID",
    );
  });

  it("of the product holds exactly the files under migrations/sqlite", () => {
    const directory = directorySource(`${import.meta.dir}/../../migrations/sqlite`);
    expect(ownMigrations().stamp().value).toBe(bundleStamp(readBundleEntries(directory)));
  });
});
