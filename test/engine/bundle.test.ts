import { renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import { compareBundle } from "../../src/engine/bundle-check.ts";
import { readBundleEntries, renderBundle } from "../../src/engine/bundle.ts";
import { type DirectorySource, directorySource } from "../../src/engine/directory.ts";
import { bundleStamp } from "../../src/engine/bundled-migration.ts";
import {
  type BundledMigration,
  bundleSource,
  type MigrationBundle,
} from "../../src/engine/source.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { ownMigrations } from "../../src/store/schema.ts";
import { codeOf } from "../support/error-of.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";
import { column, migratorOver, objectNames } from "../support/migrating.ts";
import { type TempFolder, tempFolder } from "../support/temp-folder.ts";

/** The module stands beside the folder `m` of migrations. */
const BESIDE = { typesFrom: "usagedb/migrate", modulesFrom: "./m" };

const EVERY_LAYOUT = {
  "001_a.sql": sections("CREATE TABLE a (x); -- why\r", "DROP TABLE a;"),
  "002_b.up.sql": "-- Description: b\r\nCREATE TABLE b (x);\r\n",
  "002_b.down.sql": "DROP TABLE b;",
  "003_c.up.sql": "\ufeffCREATE TABLE c (x);",
  "004_d.ts": `export const dependsOn = [1];
export const up = (db: { exec(sql: string): void }) => db.exec("CREATE TABLE d (x)");
export const down = (db: { exec(sql: string): void }) => db.exec("DROP TABLE d");`,
  "005_e.cjs":
    "module.exports = { up: (db) => db.exec('CREATE TABLE e (x)'), down: (db) => db.exec('DROP TABLE e') };",
  "006_f.mjs":
    "export default { up: (db) => db.exec('CREATE TABLE f (x)'), down: (db) => db.exec('DROP TABLE f') };",
};

const asBundle = (entries: readonly BundledMigration[]): MigrationBundle => ({
  stamp: bundleStamp(entries),
  versions: entries.map(({ version }) => version),
  load: () => entries,
});

/** Writes the bundle of `m` beside it and loads it. */
async function bundleOf(folder: TempFolder, source: DirectorySource): Promise<MigrationBundle> {
  const path = folder.at(`bundle-${Bun.randomUUIDv7()}.ts`);
  writeFileSync(path, renderBundle(readBundleEntries(source), BESIDE));
  return ((await import(path)) as { migrations: MigrationBundle }).migrations;
}

/** What a ledger says, but when, how long it took and where from. */
function ledgerOf(connection: Connection): unknown[] {
  return connection.readOnce(
    `SELECT version, name, checksum, up_sql, down_sql, schema_hash, tool_version
     FROM schema_migrations
     ORDER BY version`,
  );
}

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
    writeFileSync(path, renderBundle(entries, BESIDE));
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

  it("takes every layout, and a database cannot tell it from the directory", async () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), EVERY_LAYOUT);
    const source = directorySource(directory);
    const bundle = await bundleOf(folder, source);
    expect(compareBundle(bundle, source)).toEqual([]);
    const bundled = bundleSource(bundle, "a bundle");
    using fromDirectory = openConnection(folder.at("directory.db"));
    using fromBundle = openConnection(folder.at("bundle.db"));
    migratorOver(fromDirectory, source).up();
    migratorOver(fromBundle, bundled).up();
    expect(ledgerOf(fromBundle)).toEqual(ledgerOf(fromDirectory));
    for (const [db, other] of [
      [fromDirectory, bundled],
      [fromBundle, source],
    ] as const) {
      const migrator = migratorOver(db, other);
      expect(migrator.up().steps).toEqual([]);
      expect(new Set(migrator.status().standings.map(({ state }) => state))).toEqual(
        new Set(["applied"]),
      );
      migrator.rollback({ target: 3 });
      expect(objectNames(db)).toEqual(["a", "b", "c"]);
      migrator.up();
    }
    expect(ledgerOf(fromBundle)).toEqual(ledgerOf(fromDirectory));
  });

  it("brings any text through, whatever characters it is made of", async () => {
    const dice = chance();
    await withSeed(dice, async () => {
      using folder = tempFolder();
      // What a template, a module or a line reader might take for something else, among everything there is.
      const pieces = fc.oneof(
        fc.constantFrom(
          "\\",
          "`",
          "${",
          "}",
          "\r",
          "\n",
          "\r\n",
          "\u2028",
          "\u2029",
          "\ufeff",
          "\u0085",
          "</script>",
        ),
        fc.string({ unit: "binary", maxLength: 3 }).filter((text) => text.isWellFormed()),
      );
      const texts = fc.sample(fc.array(pieces, { maxLength: 40 }), {
        seed: dice.seed,
        numRuns: 100 * FAULT_ROUNDS,
      });
      const files = texts.map((parts, index) => {
        const text = parts.join("").replaceAll(/[\0]|\*\//g, "");
        const half = index % 2 === 0 ? "" : ".up";
        return [`${index + 1}_m${half}.sql`, `SELECT 1; /* ${text} */`] as const;
      });
      const source = directorySource(writeMigrations(folder.at("m"), Object.fromEntries(files)));
      expect(compareBundle(await bundleOf(folder, source), source)).toEqual([]);
    });
  });

  it("refuses what the directory would refuse", () => {
    using folder = tempFolder();
    const files = { "001_a.sql": "SELECT 1;", "002_b.ts": "export const up = async () => {};" };
    const directory = writeMigrations(folder.at("m"), files);
    expect(codeOf(() => readBundleEntries(directorySource(directory)))).toBe("MIGRATION_ASYNC");
  });

  it.each([
    ["a text that is not there", { texts: {} }, "MIGRATION_FILE_INVALID"],
    ["one version twice", { version: 1 }, "MIGRATION_VERSION_DUPLICATE"],
  ])("that was changed by hand to have %s is refused", (_, change, code) => {
    const entries: BundledMigration[] = [
      { version: 1, name: "a", fileName: "1_a.sql", sql: "SELECT 1;" },
      {
        version: 2,
        name: "b",
        fileName: "2_b.up.sql",
        layout: { kind: "pair", up: "2_b.up.sql", down: null },
        texts: { "2_b.up.sql": "SELECT 1;" },
        ...change,
      },
    ];
    expect(codeOf(() => bundleSource(asBundle(entries), "b").load())).toBe(code);
  });

  it("of the product holds exactly the files under migrations/sqlite", () => {
    const directory = directorySource(`${import.meta.dir}/../../migrations/sqlite`);
    expect(ownMigrations().stamp().value).toBe(bundleStamp(readBundleEntries(directory)));
  });
});

describe("compareBundle()", () => {
  const FILES = {
    "001_a.sql": sections("SELECT 1;", "SELECT 2;"),
    "002_b.up.sql": "SELECT 1;",
    "002_b.down.sql": "SELECT 2;",
    "003_c.js": "export const up = () => {}; export const down = () => {};",
  };

  it.each<[string, Record<string, string>, string]>([
    [
      "an edited up",
      { "001_a.sql": sections("SELECT 3;", "SELECT 2;") },
      "001_a differs in up, checksum",
    ],
    ["a comment", { "001_a.sql": sections("SELECT 1; -- c", "SELECT 2;") }, "001_a differs in up"],
    ["an edited down", { "002_b.down.sql": "SELECT 3;" }, "002_b differs in down"],
    [
      "a description",
      { "002_b.up.sql": "-- Description: d\nSELECT 1;" },
      "002_b differs in up, description",
    ],
    [
      "a dependency",
      { "001_a.sql": FILES["001_a.sql"], "002_b.up.sql": "-- migrate:depends 1\nSELECT 1;" },
      "002_b differs in up, dependencies",
    ],
    ["an edited module", { "003_c.js": `${FILES["003_c.js"]} // c` }, "003_c differs in checksum"],
    [
      "a line before the sections",
      { "001_a.sql": `-- by hand\n${FILES["001_a.sql"]}` },
      "001_a differs in what stands outside its sections",
    ],
    ["a new file", { "004_d.sql": "SELECT 1;" }, "004_d is not in the bundle"],
  ])("names %s", async (_, change, observed) => {
    using folder = tempFolder();
    const source = directorySource(writeMigrations(folder.at("m"), FILES));
    const bundle = await bundleOf(folder, source);
    expect(compareBundle(bundle, source)).toEqual([]);
    writeMigrations(folder.at("m"), change);
    expect(compareBundle(bundle, source)).toMatchObject([{ observed }]);
  });

  it("names a renamed and a deleted file", async () => {
    using folder = tempFolder();
    const source = directorySource(writeMigrations(folder.at("m"), FILES));
    const bundle = await bundleOf(folder, source);
    renameSync(folder.at("m", "001_a.sql"), folder.at("m", "001_z.sql"));
    rmSync(folder.at("m", "003_c.js"));
    expect(compareBundle(bundle, source)).toEqual([
      { version: 1, problem: "differs", observed: "001_z differs in name" },
      { version: 3, problem: "surplus", observed: "003_c is only in the bundle" },
    ]);
  });

  it("names a stamp or a list of versions that is not the entries'", () => {
    using folder = tempFolder();
    const source = directorySource(writeMigrations(folder.at("m"), { "1_a.sql": "SELECT 1;" }));
    const bundle = asBundle(readBundleEntries(source));
    expect(compareBundle({ ...bundle, stamp: "bundle:0" }, source)).toMatchObject([
      { version: null, problem: "stale", observed: expect.stringContaining("stamp") },
    ]);
    expect(compareBundle({ ...bundle, versions: [1, 2] }, source)).toMatchObject([
      { version: null, problem: "stale", observed: expect.stringContaining("versions") },
    ]);
  });
});
