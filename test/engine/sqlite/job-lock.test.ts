import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { jobLockPath, takeJobLock } from "../../../src/engine/sqlite/job-lock.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { errorOf } from "../../support/error-of.ts";
import { tempFolder } from "../../support/temp-folder.ts";

// Several processes on a machine that may be busy with other tests.
setDefaultTimeout(60_000);

/** A process that takes the lock, says so, and keeps it until it is killed. */
async function holder(path: string): Promise<{ kill(): Promise<void> } & AsyncDisposable> {
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { takeJobLock } from "./src/engine/sqlite/job-lock.ts";
       import { openConnection } from "./src/engine/sqlite/open.ts";
       const lock = takeJobLock(openConnection(process.argv[1]));
       process.stdout.write(lock === null ? "refused" : "held");
       setInterval(() => lock, 1000);`,
      path,
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const said = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(said.value)).toBe("held");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { kill, [Symbol.asyncDispose]: kill };
}

describe("takeJobLock()", () => {
  it("is had by one connection at a time, in one process too", () => {
    using folder = tempFolder();
    using a = openConnection(folder.at("usage.db"));
    using b = openConnection(folder.at("usage.db"));
    const lock = takeJobLock(a);
    expect(lock).not.toBeNull();
    expect(takeJobLock(b)).toBeNull();
    expect(takeJobLock(a)).toBeNull();
    lock?.release();
    lock?.release();
    using again = takeJobLock(b);
    expect(again).not.toBeNull();
  });

  it("is free at once when its holder was killed, and leaves an empty private file and nothing else", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    using connection = openConnection(path);
    await using child = await holder(path);
    expect(takeJobLock(connection)).toBeNull();
    expect(readdirSync(folder.path).filter((name) => name.includes("maintenance"))).toEqual([
      "usage.db-maintenance",
    ]);
    await child.kill();
    takeJobLock(connection)?.release();
    using lock = takeJobLock(connection);
    expect(lock).not.toBeNull();
    const { size, mode } = statSync(jobLockPath(path));
    expect([size, mode & 0o777]).toEqual([0, 0o600]);
  });

  it("keeps nobody from writing to the database", () => {
    using folder = tempFolder();
    using connection = openConnection(folder.at("usage.db"));
    using lock = takeJobLock(connection);
    expect(lock).not.toBeNull();
    using other = openConnection(folder.at("usage.db"), { busyTimeoutMs: 0 });
    other.runOnce("CREATE TABLE t (x)");
    expect(connection.readOnce("SELECT count(*) FROM t")).toEqual([[0]]);
  });

  it("refuses a link, a folder and a file of something else in its place, and leaves them as they are", () => {
    using folder = tempFolder();
    writeFileSync(folder.at("victim"), "");
    for (const [name, plant, code] of [
      ["a.db", (at: string) => symlinkSync(folder.at("victim"), at), "DATABASE_PATH_INVALID"],
      ["b.db", (at: string) => mkdirSync(at), "DATABASE_PATH_INVALID"],
      ["c.db", (at: string) => writeFileSync(at, "notes".repeat(500)), "DATABASE_NOT_SQLITE"],
    ] as const) {
      using connection = openConnection(folder.at(name));
      plant(jobLockPath(folder.at(name)));
      expect(errorOf(() => takeJobLock(connection)).code).toBe(code);
    }
    expect(statSync(folder.at("victim")).size).toBe(0);
    expect(statSync(jobLockPath(folder.at("c.db"))).size).toBe(2500);
  });

  it("locks a database in memory for its one connection", () => {
    using connection = openConnection(":memory:");
    using other = openConnection(":memory:");
    const lock = takeJobLock(connection);
    expect([takeJobLock(connection), takeJobLock(other) === null]).toEqual([null, false]);
    lock?.release();
    using again = takeJobLock(connection);
    expect(again).not.toBeNull();
  });
});
