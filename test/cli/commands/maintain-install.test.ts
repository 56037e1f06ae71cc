import { describe, expect, it, setDefaultTimeout } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { openUsageDb } from "../../../src/index.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { type CliResult, spawnCli } from "../spawn-cli.ts";

// Several processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

/** Schedulers of its own on PATH: programs that answer as the real ones do, over files in the home. */
const CRONTAB = `#!/bin/sh
PATH=/usr/bin:/bin
[ -e "$HOME/forbidden" ] && { echo "you are not allowed to use this program" >&2; exit 1; }
case "$1" in
  -l) [ -e "$HOME/tab" ] || { echo "no crontab for you" >&2; exit 1; }; cat "$HOME/tab" ;;
  -r) rm "$HOME/tab" ;;
  -) if [ -e "$HOME/forgetful" ]; then cat > /dev/null; else cat > "$HOME/tab"; fi ;;
esac
`;
const RECORDER = `#!/bin/sh
PATH=/usr/bin:/bin
echo "$(basename "$0") $*" >> "$HOME/calls"
case "$*" in
  *is-active*|*"print gui"*) [ -e "$HOME/active" ] || exit 3 ;;
  *"enable --now"*|*bootstrap*)
    [ -e "$HOME/broken" ] && { echo "it is broken" >&2; exit 1; }
    touch "$HOME/active" ;;
esac
exit 0
`;
type Program = "crontab" | "systemctl" | "launchctl";

interface Machine extends Disposable {
  readonly folder: TempFolder;
  readonly database: string;
  run(...argv: string[]): Promise<CliResult>;
  read(...path: string[]): string;
}

/** A home with some schedulers and a database, whose path has all that shells, cron and units trip over. */
function machine(...programs: readonly Program[]): Machine {
  const folder = tempFolder();
  const data = "my $HOME 50%h \"n' data\\";
  for (const name of ["bin", data]) mkdirSync(folder.at(name));
  for (const name of programs) {
    writeFileSync(folder.at("bin", name), name === "crontab" ? CRONTAB : RECORDER);
    chmodSync(folder.at("bin", name), 0o755);
  }
  const database = folder.at(data, "usage.db");
  openUsageDb(database).close();
  return {
    folder,
    database,
    run: (...argv) =>
      spawnCli(["maintain", ...argv, "--db", database], {
        env: { PATH: folder.at("bin"), HOME: folder.path },
      }),
    read: (...path) => readFileSync(folder.at(...path), "utf8"),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

const OTHERS = "# mine\nMAILTO=me\n5 4 * * * /usr/bin/backup --all # nightly";

/** What cron does with a line: five fields off, all up to a bare `%` to a shell with hardly an environment. */
function runAsCron(line: string, home: string): { readonly exitCode: number | null } {
  const rest = line.split(" ").slice(5).join(" ");
  const command = (/^(?:\\%|[^%])*/.exec(rest)?.[0] ?? "").replaceAll("\\%", "%");
  return Bun.spawnSync(["/bin/sh", "-c", command], {
    cwd: home,
    env: { HOME: home, PATH: "/usr/bin:/bin", SHELL: "/bin/sh", LOGNAME: "me" },
    stderr: "inherit",
  });
}

describe("usagedb maintain install with crontab", () => {
  it("adds one line that works as cron runs it, and leaves the others as they are", async () => {
    using host = machine("crontab");
    writeFileSync(host.folder.at("tab"), OTHERS);
    const { stdout, stderr, exitCode } = await host.run("install", "--every", "10m");
    expect([stderr, exitCode]).toEqual(["", 0]);
    expect(stdout).toContain("From now on crontab maintains");
    const lines = host.read("tab").trimEnd().split("\n");
    expect(lines.slice(0, 3).join("\n")).toBe(OTHERS);
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatch(/^\d-59\/10 \* \* \* \* \S+ --no-env-file .* maintain run --quiet /);
    expect(runAsCron(String(lines[3]), host.folder.path).exitCode).toBe(0);
    using db = openUsageDb(host.database, { mode: "read" });
    expect(db.maintenanceRuns.list().length).toBeGreaterThan(0);
  });

  it("keeps a private copy of what was there", async () => {
    using host = machine("crontab");
    writeFileSync(host.folder.at("tab"), OTHERS);
    const { stdout } = await host.run("install", "--json");
    const { copies } = JSON.parse(stdout) as { copies: string[] };
    expect(copies).toHaveLength(1);
    expect(readFileSync(String(copies[0]), "utf8")).toBe(OTHERS);
    expect(statSync(String(copies[0])).mode & 0o777).toBe(0o600);
  });

  it("changes nothing when it is there already, and its own line when it is another", async () => {
    using host = machine("crontab");
    await host.run("install");
    const first = host.read("tab");
    expect(JSON.parse((await host.run("install", "--json")).stdout)).toMatchObject({
      scheduler: "crontab",
      every: "1h",
      isChanged: false,
      copies: [],
    });
    expect(host.read("tab")).toBe(first);
    await host.run("install", "--every", "1d");
    expect(host.read("tab").trimEnd().split("\n")).toHaveLength(1);
    expect(host.read("tab")).toMatch(/^\d+ 4 \* \* \* /);
  });

  it("takes out its line and no other, and a crontab that has no other", async () => {
    using host = machine("crontab");
    writeFileSync(host.folder.at("tab"), `${OTHERS}\n`);
    await host.run("install");
    const { stdout, exitCode } = await host.run("uninstall");
    expect([exitCode, host.read("tab")]).toEqual([0, `${OTHERS}\n`]);
    expect(stdout).toContain("No scheduler maintains");
    expect(JSON.parse((await host.run("uninstall", "--json")).stdout)).toMatchObject({
      isChanged: false,
    });
    writeFileSync(host.folder.at("tab"), "");
    await host.run("install");
    await host.run("uninstall");
    expect(existsSync(host.folder.at("tab"))).toBe(false);
  });

  it("shows with --dry-run what it would write, and writes nothing", async () => {
    using host = machine("crontab");
    writeFileSync(host.folder.at("tab"), OTHERS);
    const { stdout, exitCode } = await host.run("install", "--dry-run");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\+\d+ \* \* \* \* \S+ .* maintain run /m);
    expect(host.read("tab")).toBe(OTHERS);
    expect(existsSync(host.folder.at("calls"))).toBe(false);
  });

  it("takes a crontab that it may not read for no empty one", async () => {
    using host = machine("crontab");
    writeFileSync(host.folder.at("tab"), OTHERS);
    writeFileSync(host.folder.at("forbidden"), "");
    const { stderr, exitCode } = await host.run("install");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("not allowed")]);
    expect(stderr).toContain("SCHEDULER_FAILED");
    expect(host.read("tab")).toBe(OTHERS);
  });

  it("notices a crontab that does not keep what it was given", async () => {
    using host = machine("crontab");
    writeFileSync(host.folder.at("tab"), OTHERS);
    writeFileSync(host.folder.at("forgetful"), "");
    const { stderr, exitCode } = await host.run("install");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("the old ones are in")]);
  });
});

describe("usagedb maintain install with systemd", () => {
  const units = (host: Machine): string[] =>
    readdirSync(host.folder.at(".config", "systemd", "user"))
      .filter((name) => /^usagedb-maintain-\w{12}\.(service|timer)$/.test(name))
      .sort();

  it("writes a service and a timer, switches the timer on, and takes both out again", async () => {
    using host = machine("systemctl", "crontab");
    writeFileSync(host.folder.at("tab"), OTHERS);
    const { stdout, exitCode } = await host.run("install", "--every", "6h");
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("systemd maintains")]);
    const [service, timer] = units(host);
    const text = host.read(".config", "systemd", "user", String(timer));
    expect(text).toMatch(/^OnCalendar=\*-\*-\* 0\d\/6:\d\d:00$/m);
    const command = host.read(".config", "systemd", "user", String(service));
    expect(command).toMatch(/^ExecStart=\/usr\/bin\/env "\/.*" "maintain" "run" /m);
    expect(command).toContain('/my $$HOME 50%%h \\"n\' data\\\\/usage.db"\n');
    expect(host.read("calls")).toContain(`systemctl --user enable --now ${String(timer)}`);
    expect(host.read("tab")).toBe(OTHERS);
    expect(JSON.parse((await host.run("install", "--every", "6h", "--json")).stdout)).toMatchObject(
      { scheduler: "systemd", isChanged: false },
    );
    await host.run("uninstall");
    expect(units(host)).toEqual([]);
    expect(host.read("calls")).toContain(`systemctl --user disable --now ${String(timer)}`);
    expect(service).toBe(String(timer).replace(".timer", ".service"));
  });

  it("takes the place of crontab's line: nobody wants the work done twice", async () => {
    using host = machine("systemctl", "crontab");
    writeFileSync(host.folder.at("tab"), `${OTHERS}\n`);
    await host.run("install", "--scheduler", "crontab");
    expect(host.read("tab")).toContain("usagedb-maintain");
    await host.run("install", "--scheduler", "systemd");
    expect(host.read("tab")).toBe(`${OTHERS}\n`);
    expect(units(host)).toHaveLength(2);
  });

  it("leaves no unit behind that systemd did not take", async () => {
    using host = machine("systemctl");
    writeFileSync(host.folder.at("broken"), "");
    const { stderr, exitCode } = await host.run("install");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("it is broken")]);
    expect(units(host)).toEqual([]);
  });

  const hasSystemd = Bun.which("systemd-analyze") !== null;
  it.skipIf(!hasSystemd)("writes units that systemd itself finds sound", async () => {
    using host = machine("systemctl");
    await host.run("install");
    const paths = units(host).map((name) => host.folder.at(".config", "systemd", "user", name));
    const { exitCode, stderr } = Bun.spawnSync(
      ["systemd-analyze", "--user", "--man=no", "verify", ...paths],
      { env: { PATH: "/usr/bin:/bin", HOME: host.folder.path, XDG_RUNTIME_DIR: host.folder.path } },
    );
    const own = stderr
      .toString()
      .split("\n")
      .filter((line) => line.includes("usagedb-maintain"));
    expect({ exitCode, own }).toEqual({ exitCode: 0, own: [] });
  });
});

describe("usagedb maintain install with launchd", () => {
  it("writes an agent, loads it, and takes it out again", async () => {
    using host = machine("launchctl");
    const { exitCode } = await host.run("install", "--every", "15m");
    expect(exitCode).toBe(0);
    const agents = host.folder.at("Library", "LaunchAgents");
    const [name] = readdirSync(agents);
    const text = readFileSync(`${agents}/${String(name)}`, "utf8");
    expect(text).toContain("<integer>900</integer>");
    expect(text).toContain(`<string>--db=${host.database}</string>`);
    expect(host.read("calls")).toContain(`bootstrap gui/${process.getuid?.()} ${agents}`);
    await host.run("uninstall");
    expect(readdirSync(agents)).toEqual([]);
  });
});

describe("usagedb maintain install", () => {
  it("says so where no scheduler answers", async () => {
    using host = machine();
    const { stderr, exitCode } = await host.run("install");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("SCHEDULER_MISSING")]);
    expect((await host.run("install", "--scheduler", "launchd")).exitCode).toBe(1);
    expect((await host.run("uninstall")).exitCode).toBe(0);
  });

  it.each([
    [["--every", "1hr"], "expected 1h"],
    [["--scheduler", "systemctl"], "expected systemd"],
    [["--evry", "1h"], "--every"],
  ])("refuses %j", async (argv, words) => {
    using host = machine("crontab");
    const { stderr, exitCode } = await host.run("install", ...argv);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect(existsSync(host.folder.at("tab"))).toBe(false);
  });

  it("refuses a database that is not there", async () => {
    using host = machine("crontab");
    const { stderr, exitCode } = await spawnCli(
      ["maintain", "install", "--db", host.folder.at("none.db")],
      { env: { PATH: host.folder.at("bin"), HOME: host.folder.path } },
    );
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("DATABASE_NOT_FOUND")]);
    expect(existsSync(host.folder.at("tab"))).toBe(false);
  });
});
