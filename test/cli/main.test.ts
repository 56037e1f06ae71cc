import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it, setDefaultTimeout } from "bun:test";
import packageJson from "../../package.json";
import { TOOL_VERSION } from "../../src/engine/tool-version.ts";
import { openUsageDb } from "../../src/index.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { spawnCli, spawnMigrate } from "./spawn-cli.ts";

// Many processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

/** The error that `--json` leaves on stderr. */
function errorIn(stderr: string): { code: string; message: string; hint: string } {
  return (JSON.parse(stderr) as { error: { code: string; message: string; hint: string } }).error;
}

describe.concurrent("usagedb --version", () => {
  it("prints the version of package.json, whichever way it is asked", async () => {
    expect(TOOL_VERSION).toBe(packageJson.version);
    const expected = {
      stdout: `usagedb ${packageJson.version} (Bun ${Bun.version})\n`,
      stderr: "",
      exitCode: 0,
    };
    const results = await Promise.all([["--version"], ["-v"], ["version"]].map((a) => spawnCli(a)));
    for (const result of results) expect(result).toEqual(expected);
  });

  it("prints JSON and nothing else with --json", async () => {
    const { stdout, ...rest } = await spawnCli(["--version", "--json"]);
    expect(rest).toEqual({ stderr: "", exitCode: 0 });
    expect(JSON.parse(stdout)).toEqual({ usagedb: packageJson.version, bun: Bun.version });
  });
});

describe.concurrent("usagedb --help", () => {
  it.each([[["--help"]], [["-h"]], [["--json", "--help"]]])(
    "shows the commands on stdout for %p",
    async (argv) => {
      const { stdout, ...rest } = await spawnCli(argv);
      expect(rest).toEqual({ stderr: "", exitCode: 0 });
      expect(stdout).toContain("migrate");
      expect(stdout).not.toContain("\u001b");
    },
  );

  it.each([
    [["migrate", "status", "--help"]],
    [["migrate", "--help", "status"]],
    [["-h", "migrate", "status"]],
  ])("belongs to the command wherever it stands: %p", async (argv) => {
    const { stdout, exitCode } = await spawnCli(argv);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("USAGE usagedb migrate status");
  });

  it("calls the program as it was started", async () => {
    const { stdout } = await spawnMigrate(["status", "--help"]);
    expect(stdout).toContain("USAGE bun scripts/migrate.ts status");
  });

  it("shows no escapes where stdout is no terminal, even in CI", async () => {
    const env = { CI: "1", GITHUB_ACTIONS: "1", FORCE_COLOR: "1", TERM: "xterm-256color" };
    const results = await Promise.all([
      spawnCli(["migrate", "--help"], { env }),
      spawnCli(["migrate", "nonsense"], { env }),
      spawnCli(["migrate", "status", "--db", "/nonexistent/x.db"], { env }),
    ]);
    for (const { stdout, stderr } of results) expect(stdout + stderr).not.toContain("\u001b");
  });

  it("is an argument after --", async () => {
    using folder = tempFolder();
    const { exitCode, stderr } = await spawnCli([
      "migrate",
      "create",
      "--dir",
      folder.path,
      "--",
      "--help",
    ]);
    expect({ exitCode, isRefused: stderr.includes("Cannot create a migration named") }).toEqual({
      exitCode: 2,
      isRefused: true,
    });
  });
});

describe.concurrent("a slip of the finger", () => {
  it.each([
    [["migrat"], 'Cannot run `usagedb`: "migrat" is not a command, expected migrate'],
    [
      ["migrate", "stauts"],
      'Cannot run `usagedb migrate`: "stauts" is not a command, expected status',
    ],
    [
      ["migrate", "--bd", "x"],
      "Cannot run `usagedb migrate`: --bd is not a flag of it, expected --db",
    ],
    [
      ["migrate", "status", "--chekc"],
      "Cannot run `usagedb migrate status`: --chekc is not a flag of it, expected --check",
    ],
    [
      ["migrate", "status", "now"],
      'Cannot run `usagedb migrate status`: the argument "now" is one too many, expected none',
    ],
    [
      ["migrate", "status", "--db"],
      "Cannot run `usagedb migrate status`: --db has no value, expected --db FILE",
    ],
    [
      ["migrate", "test", "--rowz", "3"],
      "Cannot run `usagedb migrate test`: --rowz is not a flag of it, expected --rows",
    ],
    [[""], 'Cannot run `usagedb`: "" is not a command, expected one of'],
    [["constructor"], 'Cannot run `usagedb`: "constructor" is not a command, expected one of'],
  ])("exits 2 and names the right word for %p", async (argv, message) => {
    const { stdout, stderr, exitCode } = await spawnCli(argv);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(stderr).toContain(message);
    expect(stderr).toContain("  code: CLI_USAGE\n");
    expect(stderr).toMatch(/hint: Run `usagedb.* --help` to see what it takes\./);
    expect(stderr).not.toContain("    at ");
  });

  it("is told as JSON on stderr with --json", async () => {
    const { stdout, stderr, exitCode } = await spawnCli(["migrate", "stauts", "--json"]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(errorIn(stderr).code).toBe("CLI_USAGE");
  });
});

describe.concurrent("flags before the command", () => {
  it("mean the same as behind it", async () => {
    using folder = tempFolder();
    const db = folder.at("a.db");
    const before = await spawnCli(["--db", db, "--json", "migrate", "up"]);
    const after = await spawnCli(["migrate", "status", "--db", db, "--json"]);
    const mixed = await spawnCli(["--json", "migrate", "--db", db, "status"]);
    expect([before.exitCode, after.exitCode, mixed.exitCode]).toEqual([0, 0, 0]);
    expect(mixed.stdout).toBe(after.stdout);
  });
});

describe.concurrent("exit codes", () => {
  it("is 1 for a file that does not exist, and creates nothing", async () => {
    using folder = tempFolder();
    const { stdout, stderr, exitCode } = await spawnCli([
      "migrate",
      "status",
      "--json",
      "--db",
      folder.at("no", "x.db"),
    ]);
    expect({ stdout, exitCode, code: errorIn(stderr).code }).toEqual({
      stdout: "",
      exitCode: 1,
      code: "DATABASE_NOT_FOUND",
    });
    expect(await Bun.file(folder.at("no")).exists()).toBe(false);
  });

  it("is 1 for a file that is no database, which stays as it is", async () => {
    using folder = tempFolder();
    const text = "no database at all ".repeat(500);
    writeFileSync(folder.at("x.db"), text);
    const { exitCode, stderr } = await spawnCli(["migrate", "--db", folder.at("x.db"), "--json"]);
    expect({ exitCode, code: errorIn(stderr).code }).toEqual({
      exitCode: 1,
      code: "DATABASE_NOT_SQLITE",
    });
    expect(await Bun.file(folder.at("x.db")).text()).toBe(text);
  });

  it("is 2 for a directory and for an empty path", async () => {
    using folder = tempFolder();
    const [directory, empty] = await Promise.all([
      spawnCli(["migrate", "--db", folder.path, "--json"]),
      spawnCli(["migrate", "--db=", "--json"]),
    ]);
    expect([directory.exitCode, empty.exitCode]).toEqual([2, 2]);
    expect(errorIn(directory.stderr).code).toBe("DATABASE_PATH_INVALID");
  });

  it("is 4 while another process holds the write lock for too long", async () => {
    using folder = tempFolder();
    const db = folder.at("x.db");
    await spawnCli(["migrate", "--db", db]);
    const holder = new (await import("bun:sqlite")).Database(db);
    holder.run("BEGIN IMMEDIATE");
    try {
      const flags = ["--db", db, "--json", "--no-backup", "--lock-timeout", "300ms"];
      const { exitCode, stderr } = await spawnCli(["migrate", "rollback", ...flags]);
      expect({ exitCode, code: errorIn(stderr).code }).toEqual({
        exitCode: 4,
        code: "DATABASE_BUSY",
      });
    } finally {
      holder.run("ROLLBACK");
      holder.close(true);
    }
  });

  it("is 5 for a database that is newer than the migrations", async () => {
    using folder = tempFolder();
    const write = (version: number): void => {
      writeFileSync(
        folder.at("m", `00${version}_t.sql`),
        `-- migrate:up\nCREATE TABLE t${version} (x);\n-- migrate:down\nDROP TABLE t${version};\n`,
      );
    };
    mkdirSync(folder.at("m"));
    write(1);
    write(2);
    const target = ["--dir", folder.at("m"), "--db", folder.at("x.db")];
    expect((await spawnMigrate(target)).exitCode).toBe(0);
    await Bun.file(folder.at("m", "002_t.sql")).delete();
    const { exitCode, stderr } = await spawnMigrate([...target, "--json"]);
    expect({ exitCode, code: errorIn(stderr).code }).toEqual({
      exitCode: 5,
      code: "DATABASE_NEWER",
    });
  });

  it("have a code too where SQLite met damage that nobody expected", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    {
      using db = openUsageDb(path);
      const [[page = 0] = []] = db.connection.readOnce(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'idx_events_timestamp'",
      );
      db.close();
      const bytes = readFileSync(path);
      bytes.fill(0, (Number(page) - 1) * 4096, Number(page) * 4096);
      writeFileSync(path, bytes);
    }
    const { exitCode, stderr } = await spawnCli(
      ["migrate", "rollback", "0", "--db", path, "--json", "--quiet"],
      { env: { HOME: folder.path } },
    );
    expect({ exitCode, code: errorIn(stderr).code }).toEqual({
      exitCode: 1,
      code: "DATABASE_CORRUPT",
    });
  });
});
