/**
 * Databases that the other tools themselves have migrated, where bench/ has them installed
 * (`bun install --cwd bench`); test/support/foreign-databases.ts tells the same by SQL alone.
 */
import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  syntheticMigrations,
  writeDrizzleFolder,
  writeKyselyFolder,
  writePlainFiles,
  writeSectionFiles,
} from "../../bench/migration-set.ts";
import { directorySource } from "../../src/engine/directory.ts";
import { adoptLedger } from "../../src/engine/sqlite/foreign-ledgers/adopt.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { validateConnection } from "../../src/engine/sqlite/validate.ts";
import { migratorOver } from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const BENCH = join(import.meta.dir, "../../bench");
const DBMATE = join(BENCH, "node_modules/.bin/dbmate");
const COUNT = 5;
const migrations = syntheticMigrations(COUNT);

type Write = (folder: string, list: typeof migrations) => string;
type Run = (directory: string, database: string) => readonly string[];

const script =
  (name: string): Run =>
  (directory, database) => [process.execPath, join(BENCH, "peers", name), directory, database];
const dbmate: Run = (directory, database) => [
  DBMATE,
  "--url",
  `sqlite:${database}`,
  "-d",
  directory,
  "--no-dump-schema",
  "up",
];

const TOOLS: readonly (readonly [tool: string, write: Write, run: Run, sql: Write])[] = [
  ["dbmate", writeSectionFiles, dbmate, writeSectionFiles],
  ["drizzle", writeDrizzleFolder, script("drizzle-migrate.ts"), writeDrizzleFolder],
  // Its migrations are programs: the SQL stands in a directory of its own.
  ["kysely", writeKyselyFolder, script("kysely-migrate.ts"), writePlainFiles],
];

describe.skipIf(!existsSync(DBMATE))("a database that was migrated by the real", () => {
  it.each(TOOLS)("%s is taken over", async (tool, write, run, sql) => {
    using folder = tempFolder();
    const path = folder.at("app.db");
    const child = Bun.spawn([...run(write(folder.at("theirs"), migrations), path)], {
      stdout: "ignore",
      stderr: "pipe",
    });
    expect([await child.stderr.text(), await child.exited]).toEqual(["", 0]);
    const source = directorySource(sql(folder.at("sql"), migrations));
    using db = openConnection(path);
    const report = adoptLedger(db, { source, now: Date.now, withBackup: false });
    expect([report.tool, report.entered.length]).toEqual([tool as typeof report.tool, COUNT]);
    const { standings } = migratorOver(db, source).status();
    expect(validateConnection(db, standings)).toMatchObject({ isValid: true, notChecked: [] });
    expect(migratorOver(db, source).up().steps).toEqual([]);
  });
});
