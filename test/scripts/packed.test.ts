import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ALOOF_BUN } from "../../src/cli/own-program.ts";
import { hostileFolder } from "../support/hostile-folder.ts";
import { tempFolder } from "../support/temp-folder.ts";

const ROOT = join(import.meta.dir, "../..");
const eventOf = (sessionId: string): string =>
  JSON.stringify({ session_id: sessionId, hook_event_name: "Stop" });

const folder = tempFolder();
const checkout = folder.at("checkout");
const modules = folder.at("installed/node_modules");
const installed = join(modules, "usagedb");
const home = folder.at("home");

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

function run(command: readonly string[], cwd: string, stdin = eventOf("s")): Ran {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...command], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: home, TMPDIR: folder.path },
    stdin: Buffer.from(stdin),
  });
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode };
}

const packageOf = (at: string): { bin: { usagedb: string } } =>
  JSON.parse(readFileSync(join(at, "package.json"), "utf8"));

/** As the kernel starts what the package names as its program. */
function program(at: string): string[] {
  const file = join(at, packageOf(at).bin.usagedb);
  const [line = ""] = readFileSync(file, "utf8").split("\n", 1);
  expect(line).toBe(`#!/usr/bin/env -S bun ${ALOOF_BUN.join(" ")}`);
  return [process.execPath, ...ALOOF_BUN, file];
}

/** Packs a copy, so that this folder stays as it is, and unpacks it beside what it depends on. */
beforeAll(() => {
  mkdirSync(home);
  mkdirSync(installed, { recursive: true });
  for (const name of ["src", "scripts", "migrations", "docs", "package.json", "CHANGELOG.md"])
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  for (const name of ["tsconfig.json", "tsconfig.types.json", "README.md", "LICENSE"])
    cpSync(join(ROOT, name), join(checkout, name));
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
  const packed = run([process.execPath, "pm", "pack", "--filename", folder.at("p.tgz")], checkout);
  expect(packed).toMatchObject({ exitCode: 0 });
  const untar = ["tar", "-xzf", folder.at("p.tgz"), "-C", installed, "--strip-components=1"];
  expect(run(untar, folder.path)).toMatchObject({ exitCode: 0 });
  for (const name of readdirSync(join(ROOT, "node_modules")))
    if (!name.startsWith(".")) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
}, 60_000);

afterAll(() => folder[Symbol.dispose]());

describe("the package", () => {
  it("starts what was built, and leaves the checkout to its source", () => {
    expect(packageOf(installed).bin.usagedb).toBe("./dist/program/core/bin.js");
    expect(packageOf(checkout)).toEqual(packageOf(ROOT));
    expect(packageOf(checkout).bin.usagedb).toBe("./src/cli/bin.ts");
  });

  it.each([
    [["--version"]],
    [["--help"]],
    [["migrate", "status", "--json"]],
    [["report", "daily"]],
    [["report", "monthly", "--csv"]],
    [["report", "session", "--json"]],
    [["report", "blocks"]],
    [["report", "daily", "--verify"]],
    [["statusline"]],
    [["doctor"]],
    [["config", "get", "--json"]],
    [["prices", "list", "--json"]],
    [["snapshots", "list"]],
    [["maintain", "status"]],
    [["completion", "bash"]],
    // Asks a process of its own.
    [["query", "SELECT 1 AS one"]],
    // Wrong ones, each with its words, its hint and its code.
    [["query", "SELEC"]],
    [["report", "dayly"]],
    [["report", "daily", "--since", "never"]],
    [["report", "daily", "--timezone", "No/Where"]],
    [["report", "daily", "--db", "/nowhere/x.db", "--json"]],
    [["migrate", "up", "--dir", "/nowhere"]],
    [["backup", "--to", "/nowhere/x.db"]],
  ])("says of %j what the source says", (argv) => {
    const file = folder.at("usage.db");
    const db = argv.includes("--db") || argv[0] === "completion" ? [] : ["--db", file];
    run([...program(checkout), "migrate", "up", "--db", file], folder.path);
    const line = argv.some((word) => word === "--help" || word === "--version")
      ? argv
      : [...argv, ...db];
    const expected = run([...program(checkout), ...line], folder.path);
    const trimmed = ({ stdout, stderr, exitCode }: Ran): Ran => {
      // How long a run took, and when it is now.
      const plain = (text: string): string =>
        text.replaceAll(/\d+(\.\d+)? (ms|s|MB|KB|kB)\b/g, "N");
      return { stdout: plain(stdout), stderr: plain(stderr), exitCode };
    };
    expect(trimmed(run([...program(installed), ...line], folder.path))).toEqual(trimmed(expected));
  });

  it("stores events, and installs hooks that start it", () => {
    const file = folder.at("hooks.db");
    const settings = folder.at("settings.json");
    // A new database, then one that is up to date.
    for (const id of ["a", "b"])
      expect(run([...program(installed), "hook", "--db", file], folder.path, eventOf(id))).toEqual({
        stdout: "",
        stderr: "",
        exitCode: 0,
      });
    const install = ["hook", "install", "--statusline", "--settings", settings, "--db", file];
    expect(run([...program(installed), ...install], folder.path)).toMatchObject({ exitCode: 0 });
    const { hooks, statusLine } = JSON.parse(readFileSync(settings, "utf8"));
    const { command } = hooks.Stop[0].hooks[0];
    expect(command).toContain(join(installed, "dist/program/core/bin.js"));
    expect(run(["sh", "-c", command], folder.path)).toEqual({
      stdout: "",
      stderr: "",
      exitCode: 0,
    });
    expect(run(["sh", "-c", statusLine.command], folder.path, "{}").stdout).toContain("today");
    const count = ["query", "SELECT count(*) AS n FROM events", "--json", "--db", file];
    expect(run([...program(checkout), ...count], folder.path).stdout).toContain('"n": 3');
  });

  it("has a stack trace that names files and lines when something is broken", () => {
    const start = join(installed, "dist/program/core/statusline-start.js");
    const failing = `const { startStatusLine } = await import(${JSON.stringify(start)});
      const env = new Proxy({}, { get() { throw new Error("broken"); } });
      await startStatusLine([], env).catch((error) => console.log(error.stack));`;
    const { stdout } = run([process.execPath, "-e", failing], folder.path);
    const [, file = "", line = ""] = /at databasePath \((.+):(\d+):\d+\)/.exec(stdout) ?? [];
    expect(file).toStartWith(join(installed, "dist/program/"));
    expect(readFileSync(file, "utf8").split("\n")[Number(line) - 1]).toContain(
      'env["USAGEDB_PATH"]',
    );
  });

  it("gives a hostile folder no say", () => {
    using hostile = hostileFolder();
    const bin = program(installed);
    for (const command of [
      [...bin, "migrate", "up"],
      [...bin, "hook"],
      [...bin, "statusline"],
      [...bin, "report", "daily"],
      [...bin, "report", "daily", "--csv"],
      [...bin, "--help"],
      [...bin, "query", "SELECT 1 AS one"],
    ]) {
      const { exitCode, stderr } = run(command, hostile.path);
      expect({ command, exitCode, error: exitCode === 0 ? "" : stderr }).toMatchObject({
        exitCode: 0,
      });
      expect({ command, traces: hostile.takeTraces() }).toMatchObject({ traces: [] });
    }
    // Without the flags it has one, so this can fail.
    run([process.execPath, ...bin.slice(-1), "statusline"], hostile.path);
    expect(hostile.takeTraces()).not.toEqual([]);
  });
});
