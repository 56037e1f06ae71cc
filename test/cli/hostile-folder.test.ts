import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ALOOF_BUN } from "../../src/cli/own-program.ts";
import { hostileFolder } from "../support/hostile-folder.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { sections, writeMigrations } from "../support/migration-directory.ts";

const ROOT = join(import.meta.dir, "../..");
const at = (program: string): string => join(ROOT, program);

/** As the kernel starts a file by its first line. */
function byFirstLine(program: string): string[] {
  const [line = ""] = readFileSync(at(program), "utf8").split("\n", 1);
  const [env = "", flag = "", ...words] = line.slice("#!".length).split(" ");
  expect([env, flag, words[0]]).toEqual(["/usr/bin/env", "-S", "bun"]);
  return [process.execPath, ...words.slice(1), at(program)];
}

async function run(
  command: readonly string[],
  { cwd, home }: { readonly cwd: string; readonly home: string },
): Promise<{ stdout: string; stderr: string; exitCode: number }> {
  const child = Bun.spawn([...command], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: home },
    stdin: Buffer.from('{"session_id":"s","hook_event_name":"Stop"}'),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, exitCode: await child.exited };
}

describe("a folder with hostile settings of Bun", () => {
  it("has no say in the command, its children, its scripts or its hooks", async () => {
    using folder = hostileFolder();
    using home = tempFolder();
    const migrations = writeMigrations(home.at("m"), {
      "001_t.sql": sections("CREATE TABLE t (x);", "DROP TABLE t;"),
    });
    const where = { cwd: folder.path, home: home.path };
    const bin = byFirstLine("src/cli/bin.ts");
    for (const command of [
      [...bin, "migrate", "up"],
      [...bin, "hook"],
      [...bin, "statusline"],
      [...bin, "report", "daily"],
      [...bin, "report", "daily", "--csv"],
      [...bin, "--help"],
      // Asks a process of its own.
      [...bin, "query", "SELECT 1 AS one"],
      // Starts many.
      [...bin, "migrate", "test", "--dir", migrations, "--torture", "1"],
      [...byFirstLine("scripts/migrate.ts"), "status"],
      [...byFirstLine("scripts/test-migrations.ts"), "--help"],
      // As a person is told to start them from a folder that they do not trust.
      [process.execPath, ...ALOOF_BUN, at("scripts/migrate.ts"), "status"],
    ]) {
      const { stderr, exitCode } = await run(command, where);
      expect({ command, exitCode, error: exitCode === 0 ? "" : stderr }).toMatchObject({
        exitCode: 0,
      });
      expect({ command, traces: folder.takeTraces() }).toMatchObject({ traces: [] });
    }
    expect(existsSync(folder.databaseOfEnv)).toBe(false);
    expect(existsSync(home.at(".local/share/usagedb/usage.db"))).toBe(true);
  }, 30_000);

  it("has no say in a program below it either", async () => {
    using folder = hostileFolder();
    using home = tempFolder();
    const cwd = join(folder.path, "node_modules");
    await run([...byFirstLine("src/cli/bin.ts"), "version"], { cwd, home: home.path });
    expect(folder.takeTraces()).toEqual([]);
  });

  it("has one where Bun is started without its flags, so this can fail", async () => {
    using folder = hostileFolder();
    using home = tempFolder();
    const where = { cwd: folder.path, home: home.path };
    await run([process.execPath, at("scripts/migrate.ts"), "status"], where);
    expect(folder.takeTraces()).not.toEqual([]);
    for (const left of ALOOF_BUN) {
      const flags = ALOOF_BUN.filter((flag) => flag !== left);
      const { exitCode } = await run([process.execPath, ...flags, at("scripts/migrate.ts")], where);
      const isTraced = folder.takeTraces().length > 0 || existsSync(folder.databaseOfEnv);
      expect({ left, isTraced, exitCode }).toEqual({ left, isTraced: true, exitCode: 0 });
    }
  });

  it("has no say in a compiled program", async () => {
    using folder = hostileFolder();
    using home = tempFolder();
    const program = home.at("usagedb");
    const flags = ["--compile", "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
    const built = await run(
      [process.execPath, "build", ...flags, at("src/cli/bin.ts"), "--outfile", program],
      { cwd: ROOT, home: home.path },
    );
    expect(built.exitCode).toBe(0);
    const where = { cwd: folder.path, home: home.path };
    for (const argv of [["migrate", "up"], ["query", "SELECT 1 AS one"], ["hook"], ["--help"]]) {
      const { exitCode } = await run([program, ...argv], where);
      expect({ argv, exitCode, traces: folder.takeTraces() }).toEqual({
        argv,
        exitCode: 0,
        traces: [],
      });
    }
    expect(existsSync(folder.databaseOfEnv)).toBe(false);
  }, 60_000);
});
