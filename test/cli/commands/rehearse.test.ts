import { readdirSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import type { RehearsalReport } from "../../../src/engine/sqlite/rehearse/report.ts";
import { sections, writeMigrations } from "../../support/migration-directory.ts";
import { type TempFolder, tempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnMigrate } from "../spawn-cli.ts";

const FIRST = sections("CREATE TABLE a (x INTEGER);", "DROP TABLE a;");

/** A database at version 1 with three rows, and what is pending. */
async function staged(
  pending: string,
): Promise<{ folder: TempFolder; run: (...argv: string[]) => Promise<CliResult> } & Disposable> {
  const folder = tempFolder();
  const dir = writeMigrations(folder.at("m"), { "001_a.sql": FIRST });
  const flags = ["--dir", dir, "--db", folder.at("app.db")];
  await spawnMigrate(["up", ...flags]);
  {
    using db = openConnection(folder.at("app.db"));
    db.runOnce("INSERT INTO a VALUES (1), (2), (3)");
  }
  writeMigrations(dir, pending === "" ? {} : { "002_b.sql": pending });
  return {
    folder,
    run: (...argv) => spawnMigrate(["rehearse", ...flags, ...argv]),
    [Symbol.dispose]: () => {
      const left = readdirSync(folder.path).filter((name) => name.includes("rehearsal"));
      folder[Symbol.dispose]();
      expect(left).toEqual([]);
    },
  };
}

describe("usagedb migrate rehearse", () => {
  it("exits 0 when nothing is lost, with the times on stdout and the progress on stderr", async () => {
    using stage = await staged(sections("CREATE TABLE b (y);", "DROP TABLE b;"));
    const { stdout, stderr, exitCode } = await stage.run();
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.replaceAll(/[\d.]+ m?s\b/g, "T"))).toEqual([
      "✓ up        1 step(s) in T",
      "✓ down      1 step(s) in T",
      "✓ up again  1 step(s) in T",
      "Clean: version 1 -> 2 and back, no problem found. `up` will take about T; the copy of 0.0 MB took T, everything T.",
    ]);
    expect(stderr).toMatch(
      /^Copying 0\.0 MB …\n {2}copied in .*\n {2}\+ 002_b .*\nComparing after up …\n/,
    );
    expect(await stage.run("--quiet")).toMatchObject({ stderr: "", exitCode: 0 });
  });

  it("exits 3 and names table, count, keys, line and way out when the round trip loses something", async () => {
    using stage = await staged(
      sections("CREATE TABLE b (y);\nDELETE FROM a WHERE x = 2;", "DROP TABLE b;"),
    );
    const { stdout, exitCode } = await stage.run("--allow", "FULL_SCAN_WRITE");
    expect(exitCode).toBe(3);
    expect(stdout).toContain("  rows of a: 3 -> 2 -> 2 -> 2\n");
    expect(stdout).toContain("✗ a  `up` would refuse DELETES_DATA: ");
    expect(stdout).toMatch(
      /✗ \S+002_b\.sql:3:13 {2}the round trip loses 1 of 3 row\(s\) of a\n {4}\| DELETE FROM a WHERE x = 2;\n/,
    );
    expect(stdout).toContain("\nNot clean: 2 problem(s)");
    const allowed = await stage.run("--allow", "DELETES_DATA");
    expect(allowed.exitCode).toBe(0);
    expect(allowed.stdout).toContain("· the round trip loses 1 of 3 row(s) of a (allowed: ");
  });

  it("prints the report as JSON and nothing else on stdout", async () => {
    using stage = await staged(sections("CREATE TABLE b (y);", "SELECT 1;"));
    const { stdout, exitCode } = await stage.run("--json", "--quiet");
    expect(exitCode).toBe(3);
    const report = JSON.parse(stdout) as RehearsalReport;
    expect(Object.keys(report).sort()).toEqual(
      "copy database durationMs estimateMs fromVersion isClean leftOut mode problems remarks steps tables toVersion".split(
        " ",
      ),
    );
    expect(report.problems[0]).toEqual({
      kind: "schema",
      moment: "down",
      version: 2,
      table: "b",
      position: {
        file: expect.stringContaining("002_b.sql"),
        line: 2,
        column: 14,
        sourceLine: "CREATE TABLE b (y);",
      },
      observed: "the down leaves table b behind",
      remedy: "Add `DROP TABLE b` to the down.",
      rowCount: null,
      keys: [],
    });
  });

  it("says that there is nothing to rehearse, and rehearses what is applied when asked to", async () => {
    using stage = await staged("");
    const nothing = await stage.run();
    expect(nothing).toMatchObject({ stderr: "", exitCode: 0 });
    expect(nothing.stdout).toContain("nothing is pending at version 1. `--last 1` rehearses");
    const applied = await stage.run("--last", "1");
    expect(applied.exitCode).toBe(0);
    expect(applied.stdout).toContain(
      "the round trip loses 3 of 3 row(s) of a (the down drops a with 3 row(s))",
    );
    expect(applied.stdout).toContain("`rollback` will take about");
  });

  it.each([
    [["--last", "0"], 2, 'Cannot use --last: it is "0"'],
    [["--last", "1", "--to", "2"], 2, "Cannot use --to with --last"],
    [["--to", "x"], 2, 'Cannot use to: "x" is not a version'],
    [["--allow", "EVERYTHING"], 2, "is not a hazard"],
    [["--to", "9"], 2, "no migration has it"],
    [["--tmp", "/proc/none"], 1, "Cannot rehearse in /proc/none: ENOENT"],
  ])("refuses %p with exit code %p", async (argv, code, message) => {
    using stage = await staged(sections("CREATE TABLE b (y);", "DROP TABLE b;"));
    const { stdout, stderr, exitCode } = await stage.run(...argv);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: code });
    expect(stderr).toContain(message);
  });

  it("neither makes a database that is not there nor rehearses our migrations on somebody else's", async () => {
    using folder = tempFolder();
    const missing = await spawnMigrate(["rehearse", "--db", folder.at("none.db")]);
    expect(missing).toMatchObject({ stdout: "", exitCode: 1 });
    expect(readdirSync(folder.path)).toEqual([]);
    {
      using db = openConnection(folder.at("other.db"));
      db.runOnce("CREATE TABLE users (id)");
    }
    const foreign = await spawnMigrate(["rehearse", "--db", folder.at("other.db")]);
    expect(foreign.stderr).toContain("code: DATABASE_FOREIGN");
  });

  it("takes the copy away when it is interrupted", async () => {
    using stage = await staged(sections("CREATE TABLE b (y);", "DROP TABLE b;"));
    const child = Bun.spawn(
      [
        process.execPath,
        "scripts/migrate.ts",
        "rehearse",
        "--dir",
        stage.folder.at("m"),
        "--db",
        stage.folder.at("app.db"),
      ],
      { cwd: `${import.meta.dir}/../../..`, stdout: "ignore", stderr: "pipe" },
    );
    const reader = child.stderr.getReader();
    const first = await reader.read();
    expect(new TextDecoder().decode(first.value)).toStartWith("Copying");
    child.kill("SIGINT");
    await child.exited;
    expect([0, 130]).toContain(child.exitCode ?? -1);
  });
});
