import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "bun:test";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { readAside } from "../../../../src/engine/sqlite/side/read-aside.ts";
import { SideProcess } from "../../../../src/engine/sqlite/side/side-process.ts";
import { isSqliteError } from "../../../../src/engine/sqlite/sqlite-errors.ts";
import { errorOfAsync } from "../../../support/error-of.ts";
import { tempFolder, type TempFolder } from "../../../support/temp-folder.ts";

const SRC = join(import.meta.dir, "../../../../src");

/** A statement that never ends. */
const ENDLESS =
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

function madeDatabase(folder: TempFolder): {
  path: string;
  isReader: boolean;
  busyTimeoutMs: number;
} {
  const path = folder.at("a.db");
  using connection = openConnection(path);
  connection.runOnce(
    'CREATE TABLE "it""s" (x); INSERT INTO "it""s" VALUES (1), (\'zwei\'), (NULL);',
  );
  return { path, isReader: false, busyTimeoutMs: 100 };
}

describe("SideProcess", () => {
  it("answers in order: rows, counts by table, hashes", async () => {
    using folder = tempFolder();
    const database = madeDatabase(folder);
    writeFileSync(folder.at("file"), "abc");
    await using side = new SideProcess();
    const statements = [{ sql: 'SELECT x FROM "it""s" WHERE x IS NOT ?', values: [1] }];
    expect(await side.ask("sql", { ...database, statements })).toEqual([[["zwei"], [null]]]);
    expect(await side.ask("counts", database)).toEqual({ 'it"s': 3 });
    expect(await side.ask("hash", { path: folder.at("file") })).toBe(
      new Bun.CryptoHasher("sha256").update("abc").digest("hex"),
    );
  });

  it("takes answers that are larger than a pipe", async () => {
    using folder = tempFolder();
    const statements = [{ sql: "SELECT replace(hex(zeroblob(2000000)), '0', 'ä')" }];
    await using side = new SideProcess();
    const [rows] = await side.ask("sql", { ...madeDatabase(folder), statements });
    expect(String(rows?.[0]?.[0]).length).toBe(4_000_000);
  });

  it("hands SQLite's errors on, and goes on after them", async () => {
    using folder = tempFolder();
    const database = madeDatabase(folder);
    await using side = new SideProcess();
    const asking = side.ask("sql", { ...database, statements: [{ sql: "SELECT * FROM missing" }] });
    const error = await asking.catch((thrown: unknown) => thrown);
    expect(isSqliteError(error)).toBe(true);
    expect(error).toMatchObject({ message: "no such table: missing", errno: 1 });
    const write = { ...database, isReader: true, statements: [{ sql: 'DELETE FROM "it""s"' }] };
    expect(await side.ask("sql", write).catch((thrown: unknown) => thrown)).toMatchObject({
      code: "SQLITE_READONLY",
    });
    expect(await side.ask("counts", database)).toEqual({ 'it"s': 3 });
  });

  it("ends in the middle of a statement when it is cancelled, and holds no lock after it", async () => {
    using folder = tempFolder();
    const database = madeDatabase(folder);
    const stop = new AbortController();
    await using side = new SideProcess(stop.signal);
    const statements = [{ sql: "BEGIN IMMEDIATE" }, { sql: ENDLESS }];
    const asking = side.ask(
      "sql",
      { ...database, statements },
      { onProgress: (done) => done === 1 && setTimeout(() => stop.abort(), 20) },
    );
    expect((await errorOfAsync(asking)).code).toBe("CANCELLED");
    using connection = openConnection(database.path, { busyTimeoutMs: 0 });
    connection.transaction(() => connection.runOnce('DELETE FROM "it""s"'));
    expect((await errorOfAsync(side.ask("counts", database))).code).toBe("CANCELLED");
  });

  it("says so when it is killed by somebody else", async () => {
    using folder = tempFolder();
    const database = madeDatabase(folder);
    await using side = new SideProcess();
    const asking = side.ask("sql", { ...database, statements: [{ sql: ENDLESS }] });
    process.kill(side.pid, "SIGKILL");
    expect(await errorOfAsync(asking)).toMatchObject({
      code: "SIDE_PROCESS_FAILED",
      details: { signalCode: "SIGKILL" },
    });
  });

  it("works inside a compiled program, in a folder that wants to run code of its own", async () => {
    using folder = tempFolder();
    const { path } = madeDatabase(folder);
    const hostile = folder.at("hostile");
    mkdirSync(hostile);
    // A compiled program itself would run these; they are put there after it started.
    const main = `
import { writeFileSync } from "node:fs";
import { SideProcess } from "${SRC}/engine/sqlite/side/side-process.ts";
writeFileSync("${hostile}/bunfig.toml", 'preload = ["./evil.ts"]');
writeFileSync("${hostile}/evil.ts", 'require("node:fs").writeFileSync("${folder.at("evil")}", "ran")');
writeFileSync("${hostile}/.env", "EVIL=1");
await using side = new SideProcess();
console.log(JSON.stringify(await side.ask("counts", { path: process.argv[2], isReader: true, busyTimeoutMs: 0 })));
`;
    writeFileSync(folder.at("main.ts"), main);
    const program = folder.at("program");
    const build = Bun.spawn(
      [
        process.execPath,
        "build",
        "--compile",
        "--minify",
        folder.at("main.ts"),
        "--outfile",
        program,
      ],
      { stdout: "ignore", stderr: "pipe" },
    );
    expect(await build.exited).toBe(0);
    const child = Bun.spawn([program, path], {
      cwd: hostile,
      env: { PATH: "" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect({ stdout, stderr, exitCode: await child.exited }).toEqual({
      stdout: '{"it\\"s":3}\n',
      stderr: "",
      exitCode: 0,
    });
    expect(await Bun.file(folder.at("evil")).exists()).toBe(false);
  }, 60_000);
});

describe("readAside()", () => {
  it("reads a file beside the program, and a database in memory in it", async () => {
    using folder = tempFolder();
    using file = openConnection(madeDatabase(folder).path);
    using memory = openConnection(":memory:");
    memory.runOnce("CREATE TABLE t (x); INSERT INTO t VALUES (7);");
    expect(await readAside(file, [{ sql: 'SELECT count(*) FROM "it""s"' }])).toEqual([[[3]]]);
    expect(await readAside(memory, [{ sql: "SELECT x FROM t" }])).toEqual([[[7]]]);
  });
});
