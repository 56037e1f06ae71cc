import { rmSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { runMigrate } from "../support/migrate-process.ts";
import { sections, settleFiles, writeMigrations } from "../support/migration-directory.ts";
import { type TempFolder, tempFolder } from "../support/temp-folder.ts";

const FILES = {
  "001_a.sql": sections("CREATE TABLE a (x);", "DROP TABLE a;"),
  "002_b.sql": sections("CREATE TABLE b (x);", "DROP TABLE b;"),
};

/** Lines that are answered before the command line is loaded, and the same ones as only `main` reads them. */
const PLAIN_LINES = [
  ["--dir", "m", "--db", "x.db"],
  ["--db", "x.db", "--dir", "m"],
  ["up", "--dir", "m/", "--db", "x.db"],
];
const FULL_LINE = ["--dir=m", "--db=x.db"];

/** A folder with a database that two migrations were applied to and compared with. */
async function upToDate(): Promise<TempFolder> {
  const folder = tempFolder();
  writeMigrations(folder.at("m"), FILES);
  settleFiles();
  await runMigrate(FULL_LINE, folder.path);
  return folder;
}

describe("startMigrate()", () => {
  it("says of an up-to-date database what the command says", async () => {
    using folder = await upToDate();
    const expected = await runMigrate(FULL_LINE, folder.path);
    expect(expected).toMatchObject({
      exitCode: 0,
      stdout: "Nothing to do: version 2 is the newest.\n",
    });
    for (const line of PLAIN_LINES) expect(await runMigrate(line, folder.path)).toEqual(expected);
  });

  it.each([
    ["an edited file", (m: string) => writeMigrations(m, { "001_a.sql": "CREATE TABLE aa (x);" })],
    ["a missing file", (m: string) => rmSync(`${m}/001_a.sql`)],
    ["a missing directory", (m: string) => rmSync(m, { recursive: true })],
  ])("leaves %s to the command", async (_, change) => {
    using folder = await upToDate();
    change(folder.at("m"));
    const expected = await runMigrate(FULL_LINE, folder.path);
    expect(expected.exitCode).not.toBe(0);
    for (const line of PLAIN_LINES.slice(0, 2))
      expect(await runMigrate(line, folder.path)).toEqual(expected);
  });

  it.each([
    [["--dir", "m", "--db"]],
    [["--dir", "m", "--db", "x.db", "--db", "x.db"]],
    [["--dir", "m", "--db", "x.db", "surplus", "word"]],
    [["--dir", "m", "--db", "--json"]],
  ])("leaves the wrong line %p to the command", async (line) => {
    using folder = await upToDate();
    expect(await runMigrate(line, folder.path)).toMatchObject({ exitCode: 2, stdout: "" });
  });
});
