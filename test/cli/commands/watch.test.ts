/**
 * Strategy: `usagedb watch` runs in a real pseudo-terminal; its bytes go through an emulator of xterm, and the screens
 * are compared with those that were looked at and kept. The clock stands still, the usage is generated.
 * Invariants: every line fits the screen; the terminal is given back on every way out.
 */
import { beforeAll, afterAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { openUsageDb } from "../../../src/index.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";
import { TerminalRun } from "../../support/terminal-screen.ts";
import { appendLines, assistant } from "../../support/transcripts.ts";
import { startWatch, watchCommand, watchEnv } from "../../support/watch-run.ts";
import { WATCH_NOW, type WatchedUsage, watchedUsage } from "../../support/watched-usage.ts";
import { spawnCli } from "../spawn-cli.ts";

// Many processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

const SIZES = [
  [80, 24],
  [200, 50],
] as const;
const VIEWS = [
  ["1", "Realtime"],
  ["2", "Daily"],
  ["3", "Monthly"],
  ["4", "Sessions"],
] as const;
/** In the order of the key, from what the settings say. */
const THEMES = ["light", "dark", "classic", "auto"] as const;

let folder: TempFolder;
let usage: WatchedUsage;

beforeAll(async () => {
  folder = tempFolder();
  usage = await watchedUsage(folder);
});
afterAll(() => folder[Symbol.dispose]());

const title = (name: string): string => `usagedb ${name}`;

/** The terminal as it was before: modes, screen, cursor, wrapping. */
function expectGivenBack(run: TerminalRun): void {
  expect({
    modes: run.modes,
    isOnOtherScreen: run.isOnOtherScreen,
    isCursorShown: run.isCursorShown,
    isWrapping: run.isWrapping,
  }).toEqual({
    modes: run.modesBefore,
    isOnOtherScreen: false,
    isCursorShown: true,
    isWrapping: true,
  });
}

describe.each(SIZES)("usagedb watch at %d x %d", (cols, rows) => {
  it("shows every view in every theme, as kept", async () => {
    await using run = await startWatch(folder, usage, { cols, rows });
    expect(run.isOnOtherScreen).toBe(true);
    expect(run.isCursorShown).toBe(false);
    for (const [key, name] of VIEWS) {
      const screen = await run.press(key, title(name));
      expect(screen).toMatchSnapshot(`${cols}x${rows} ${name}`);
      for (const theme of THEMES) {
        await run.press("t", `theme ${theme}`);
        expect(run.looks).toMatchSnapshot(`${cols}x${rows} ${name} ${theme}`);
        // A theme changes colours and nothing else.
        expect(run.lines.slice(0, -1).join("\n").trimEnd()).toBe(
          screen.split("\n").slice(0, -1).join("\n").trimEnd(),
        );
      }
      // The same key leaves the view and takes the notice away.
      await run.press(key, "read 0s ago");
    }
    run.type("q");
    expect(await run.ended()).toEqual({ exitCode: 0, signal: null });
    expectGivenBack(run);
  });

  it("does what every other key says, as kept", async () => {
    await using run = await startWatch(folder, usage, { cols, rows });
    expect(await run.press("?", "Keys")).toMatchSnapshot(`${cols}x${rows} help`);
    await run.press("\u001b", "Block");
    expect(await run.press("f", "12-hour clock")).toMatchSnapshot(`${cols}x${rows} 12-hour clock`);
    await run.press("f", "24-hour clock");
    expect(await run.press("z", "zone America/Los_Angeles")).toMatchSnapshot(
      `${cols}x${rows} Los Angeles`,
    );
    await run.press("Z", "zone UTC");
    await run.press("a", "no other agent has usage");
    await run.press("\t", title("Daily"));
    await run.press("\u001b[C", title("Monthly"));
    await run.press("\u001b[Z", title("Daily"));
    await run.press("\u001b[D", title("Realtime"));
    await run.press("d", title("Daily"));
    const top = await run.press("m", title("Monthly"));
    expect(await run.press("d", title("Daily"))).not.toBe(top);
    const newest = "2026-11-20";
    expect(run.screen).toContain(newest);
    run.type("jj");
    await run.until((screen) => rows > 40 || !screen.includes(newest), "a later page");
    run.type("G");
    await run.until((screen) => screen.includes("2026-09-21"), "the oldest day");
    await run.press("\u001b[H", newest);
    run.type("\u001b[6~");
    await run.until((screen) => rows > 40 || !screen.includes(newest), "the next page");
    await run.press("\u001b[5~", newest);
    run.type("\u001b[B\u001b[A\u001b[F");
    await run.until((screen) => screen.includes("2026-09-21"), "the oldest day");
    await run.press("g", newest);
    run.type("\u000c");
    await run.press("u", "read 0s ago");
    run.type("Q");
    expect(await run.ended()).toEqual({ exitCode: 0, signal: null });
    expectGivenBack(run);
  });
});

describe.concurrent("usagedb watch", () => {
  it("draws anew when the window changes its size", async () => {
    await using run = await startWatch(folder, usage);
    run.resize(120, 30);
    const wide = await run.until((screen) => screen.split("\n")[0]?.length === 120, "a wide head");
    expect(wide.split("\n")).toHaveLength(30);
    run.resize(40, 10);
    const small = await run.until((screen) => screen.split("\n")[0]?.length === 40, "a small head");
    expect(small.split("\n")).toHaveLength(10);
    for (const line of small.split("\n")) expect(line.length).toBeLessThanOrEqual(40);
    expect(small).toContain("Block");
  });

  it("shows what an agent writes meanwhile, and keeps it", async () => {
    using own = tempFolder();
    const watched = await watchedUsage(own, { withSamples: false });
    await using run = await startWatch(own, watched);
    expect(run.screen).toContain("Messages  14");
    appendLines(watched.transcript, [
      assistant({
        id: "new",
        requestId: "new",
        timestamp: WATCH_NOW - 5000,
        sessionId: "7d1f0c52",
      }),
    ]);
    await run.press("u", "Messages  15");
    run.type("q");
    await run.ended();
    using db = openUsageDb(watched.database);
    const hours = db.rollups.list(0, Number.MAX_SAFE_INTEGER);
    expect(db.messages.count()).toBe(hours.reduce((sum, row) => sum + row.message_count, 0));
  });

  it("reads again after the time that the settings name, without a key", async () => {
    using own = tempFolder();
    const watched = await watchedUsage(own, {
      withSamples: false,
      config: { refresh_rate: 1, refresh_per_second: 20 },
    });
    await using run = await startWatch(own, watched);
    appendLines(watched.transcript, [
      assistant({
        id: "new",
        requestId: "new",
        timestamp: WATCH_NOW - 5000,
        sessionId: "7d1f0c52",
      }),
    ]);
    await run.until((screen) => screen.includes("Messages  15"), "the new message");
  });

  it("keeps what a key showed as the settings when it is asked to, and only then", async () => {
    using own = tempFolder();
    const watched = await watchedUsage(own);
    const settings = (): unknown => {
      using db = openUsageDb(watched.database, { mode: "read" });
      const { view, theme, timezone, time_format } = db.config.get() ?? {};
      return { view, theme, timezone, time_format };
    };
    await using run = await startWatch(own, watched, { cols: 80, rows: 24 });
    const before = settings();
    await run.press("d", title("Daily"));
    await run.press("T", "theme classic");
    await run.press("z", "zone America/Los_Angeles");
    expect(settings()).toEqual(before);
    await run.press("w", "kept view, theme, timezone");
    const kept = { view: "daily", theme: "classic", timezone: "America/Los_Angeles" };
    expect(settings()).toEqual({ ...kept, time_format: "24h" });
    await run.press("w", "these are the settings");
  });

  it("goes on while the database is locked, says so, and recovers", async () => {
    using own = tempFolder();
    const watched = await watchedUsage(own, { withSamples: false });
    await using run = await startWatch(own, watched);
    const holder = new (await import("bun:sqlite")).Database(watched.database);
    holder.run("BEGIN IMMEDIATE");
    appendLines(watched.transcript, [
      assistant({
        id: "new",
        requestId: "new",
        timestamp: WATCH_NOW - 5000,
        sessionId: "7d1f0c52",
      }),
    ]);
    await run.press("u", "Cannot");
    holder.run("ROLLBACK");
    holder.close(true);
    await run.press("u", "Messages  15");
    expect(run.screen).not.toContain("Cannot");
  });

  it("follows the terminal's own background", async () => {
    await using light = await startWatch(folder, usage, { env: { COLORFGBG: "0;15" } });
    expect(light.looks[0]).toBe("25 bold: usagedb");
    // What a terminal answers goes before what the environment says.
    light.type("\u001b]11;rgb:0000/0000/0000\u0007");
    await light.press("f", "12-hour clock");
    expect(light.looks[0]).toBe("117 bold: usagedb");
  });

  it("uses no colour with NO_COLOR", async () => {
    await using run = await startWatch(folder, usage, { env: { NO_COLOR: "1" } });
    for (const look of run.looks) expect(look).toMatch(/^default( bold)?( inverse)?: /);
  });
});

describe.concurrent("the terminal is given back", () => {
  it.each([
    ["q", (run: TerminalRun) => run.type("q"), { exitCode: 0, signal: null }],
    ["Ctrl-C", (run: TerminalRun) => run.type("\u0003"), { exitCode: 0, signal: null }],
    [
      "SIGINT",
      (run: TerminalRun) => run.process.kill("SIGINT"),
      { exitCode: null, signal: "SIGINT" },
    ],
    [
      "SIGTERM",
      (run: TerminalRun) => run.process.kill("SIGTERM"),
      { exitCode: null, signal: "SIGTERM" },
    ],
    [
      "SIGHUP",
      (run: TerminalRun) => run.process.kill("SIGHUP"),
      { exitCode: null, signal: "SIGHUP" },
    ],
  ])("after %s", async (_, end, expected) => {
    await using run = await startWatch(folder, usage);
    expect(run.modes).not.toEqual(run.modesBefore);
    end(run);
    expect(await run.ended()).toEqual(expected);
    expectGivenBack(run);
    expect(run.screen).toBe("");
  });

  it.each([3, 9])("after a crash at look %d at the clock, which is told of", async (looks) => {
    using own = tempFolder();
    const watched = await watchedUsage(own, { config: { refresh_per_second: 20 } });
    await using run = new TerminalRun(watchCommand(watched), {
      cols: 80,
      rows: 24,
      env: { ...watchEnv(own, watched), WATCH_CRASH_AFTER: String(looks) },
    });
    expect(await run.ended()).toEqual({ exitCode: 1, signal: null });
    expectGivenBack(run);
    expect(run.output).toContain("\u001b[?1049l");
    expect(run.screen).toContain("the clock fell off the wall");
  });

  it("after the window was closed, and nobody is left running", async () => {
    await using run = await startWatch(folder, usage);
    run.hangUp();
    await run.process.exited;
    expect(run.process.signalCode).toBe("SIGHUP");
  });

  it.skipIf(Bun.which("bash") === null)(
    "to the shell with Ctrl-Z, and taken again by fg",
    async () => {
      await using run = new TerminalRun(["bash", "--norc", "--noprofile", "-i"], {
        cols: 120,
        rows: 24,
        env: { ...watchEnv(folder, usage), PS1: "SHELL> " },
      });
      await run.until((screen) => screen.includes("SHELL>"), "a prompt");
      run.type(`${watchCommand(usage).join(" ")}\r`);
      await run.until((screen) => screen.includes("read 0s ago"), "its first figures");
      await run.press("\u001a", "Stopped");
      expect([run.isOnOtherScreen, run.isCursorShown]).toEqual([false, true]);
      await run.press("fg\r", "read 0s ago");
      expect([run.isOnOtherScreen, run.isCursorShown]).toEqual([true, false]);
      run.type("q");
      await run.until(() => !run.isOnOtherScreen, "the shell's screen");
      await run.press("echo ended with $?\r", "ended with 0");
    },
  );

  it.skipIf(Bun.which("python3") === null)("by SIGTERM while it takes nothing", async () => {
    const child = Bun.spawn(
      ["python3", join(import.meta.dir, "../../support/held-terminal.py"), ...watchCommand(usage)],
      { env: watchEnv(folder, usage), stdout: "pipe", stderr: "pipe" },
    );
    expect([await child.stdout.text(), await child.stderr.text()]).toEqual(["-15 True\n", ""]);
  });

  it("at once where Ctrl-Z stops nobody", async () => {
    await using run = await startWatch(folder, usage);
    run.type("\u001a");
    await run.until(
      () => run.output.includes("\u001b[?1049l") && run.isOnOtherScreen,
      "itself again",
    );
    await run.press("2", title("Daily"));
  });
});

const once = (...args: string[]): ReturnType<typeof spawnCli> =>
  spawnCli(["watch", "--db", usage.database, ...args], {
    program: "test/support/watch-program.ts",
    env: watchEnv(folder, usage),
  });

describe("usagedb watch --once", () => {
  it("prints one page with --once, as kept", async () => {
    const { stdout, stderr, exitCode } = await once("--once");
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toMatchSnapshot("once");
    expect(stdout).not.toContain("\u001b");
  });
});

describe.concurrent("usagedb watch without a terminal", () => {
  it("is refused with what to run instead", async () => {
    const { stdout, stderr, exitCode } = await spawnCli(["watch", "--db", usage.database]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(stderr).toContain("Cannot watch: stdout is no terminal");
    expect(stderr).toContain("usagedb watch --once");
    expect(stderr).toContain("usagedb report");
  });

  it("is refused on a terminal that can do nothing", async () => {
    await using run = new TerminalRun(watchCommand(usage), {
      cols: 80,
      rows: 24,
      env: { ...watchEnv(folder, usage), TERM: "dumb" },
    });
    expect(await run.ended()).toEqual({ exitCode: 2, signal: null });
    expect(run.output).not.toContain("\u001b[?1049h");
  });

  it("prints the page's figures with --json", async () => {
    const { stdout, exitCode } = await once("--json", "--view", "daily");
    expect(exitCode).toBe(0);
    const page = JSON.parse(stdout) as Record<string, Record<string, unknown>>;
    expect(Object.keys(page)).toEqual(["view", "timeZone", "live", "report"]);
    expect(page["live"]).toMatchObject({
      at: new Date(WATCH_NOW).toISOString(),
      agent: "claude",
      block: { anchor: "sample", messages: 14, limits: { tokens: { source: "learned" } } },
      official: [
        { name: "five_hour", usedPercent: 42 },
        { name: "seven_day", usedPercent: 18 },
      ],
    });
  });

  it.each([
    [["--view", "hourly"], "view"],
    [["--theme", "pink"], "theme"],
    [["--timezone", "Mars/Phobos"], "Mars/Phobos"],
  ])("refuses %p", async (args, named) => {
    const { stderr, exitCode } = await once("--once", ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(named);
  });
});
