import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { askGuest } from "../../../src/cli/guest-process.ts";
import { errorOfAsync } from "../../support/error-of.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnCli } from "../spawn-cli.ts";

function prepared(): TempFolder & { ask(sql: string, ...argv: string[]): Promise<CliResult> } {
  const folder = tempFolder();
  using db = new Database(folder.at("x.db"));
  db.run("CREATE TABLE t (id INTEGER PRIMARY KEY, text, data)");
  db.run(
    "INSERT INTO t VALUES (1, 'one', x'00ff'), (2, '=cmd()', 9007199254740993), (3, NULL, 1.5)",
  );
  return {
    ...folder,
    ask: (sql, ...argv) => spawnCli(["query", sql, "--db", folder.at("x.db"), ...argv]),
  };
}

describe("usagedb query", () => {
  it("prints a table, CSV or JSON, and loses neither large integers nor blobs nor doubled names", async () => {
    using work = prepared();
    expect(await work.ask("SELECT id, text FROM t")).toEqual({
      stdout: "id  text\n 1  one\n 2  =cmd()\n 3\n",
      stderr: "",
      exitCode: 0,
    });
    expect((await work.ask("SELECT text, data FROM t", "--csv")).stdout).toBe(
      "text,data\none,x'00ff'\n'=cmd(),9007199254740993\n,1.5\n",
    );
    const { stdout } = await work.ask("SELECT 1 AS a, 2 AS a, text FROM t LIMIT 1", "--json");
    expect(JSON.parse(stdout)).toEqual([{ a: 1, a_2: 2, text: "one" }]);
  });

  it("says when there is more than the limit", async () => {
    using work = prepared();
    expect(await work.ask("SELECT id FROM t", "--limit", "2")).toEqual({
      stdout: "id\n 1\n 2\n",
      stderr: "Only the first 2 rows; see --limit.\n",
      exitCode: 0,
    });
    expect((await work.ask("SELECT id FROM t", "--limit", "3")).stderr).toBe("");
  });

  it.each([
    "DELETE FROM t",
    "INSERT INTO t VALUES (9, 9, 9) RETURNING id",
    "CREATE TEMP TABLE u (x)",
    "ATTACH '/tmp/other.db' AS o",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA writable_schema = 1",
    "BEGIN",
    "VACUUM",
    "SELECT load_extension('x')",
    "SELECT 1; DELETE FROM t",
    "SELECT nope FROM t",
    "",
  ])("refuses %j, and leaves the file as it is", async (sql) => {
    using work = prepared();
    const before = await Bun.file(work.at("x.db")).bytes();
    expect(await work.ask(sql)).toMatchObject({
      stdout: "",
      stderr: expect.stringContaining(sql === "" ? "" : "QUERY_REFUSED"),
      exitCode: 2,
    });
    expect(await Bun.file(work.at("x.db")).bytes()).toEqual(before);
  });

  it("lets look at the schema", async () => {
    using work = prepared();
    expect((await work.ask("SELECT name FROM pragma_table_info('t')")).stdout).toBe(
      "name\nid\ntext\ndata\n",
    );
  });

  it("ends a query that takes too long, with its process", async () => {
    using work = prepared();
    const endless =
      "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    expect(await work.ask(endless, "--timeout", "300ms")).toMatchObject({
      stdout: "",
      stderr: expect.stringContaining("QUERY_TIMEOUT"),
      exitCode: 4,
    });
  });

  it("refuses a value and an answer that would fill the memory", async () => {
    using work = prepared();
    for (const sql of ["SELECT length(zeroblob(100000000))", "SELECT hex(zeroblob(40000000))"]) {
      const { stdout, stderr, exitCode } = await work.ask(sql);
      expect({ sql, stdout, exitCode }).toEqual({ sql, stdout: "", exitCode: 2 });
      expect(stderr).toContain("too big");
    }
    const asked = { path: work.at("x.db"), sql: "SELECT hex(zeroblob(400)) FROM t", maxRows: 9 };
    const rules = { timeoutMs: 5000, signal: new AbortController().signal };
    const error = await errorOfAsync(askGuest({ ...asked, maxBytes: 2000 }, rules));
    expect([error.code, error.message]).toEqual([
      "QUERY_REFUSED",
      expect.stringContaining("more than 0.002 MB"),
    ]);
    expect((await askGuest({ ...asked, maxBytes: 3000 }, rules)).rows).toHaveLength(3);
  });

  it("refuses a file that is not there, and one that is no database", async () => {
    using work = prepared();
    for (const file of [work.at("none.db"), import.meta.path]) {
      const { exitCode, stdout } = await spawnCli([
        "query",
        "SELECT 1 FROM sqlite_schema",
        "--db",
        file,
      ]);
      expect({ exitCode: exitCode > 0, stdout }).toEqual({ exitCode: true, stdout: "" });
    }
  });
});
