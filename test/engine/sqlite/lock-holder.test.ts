import { existsSync, linkSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import type { LockHolder } from "../../../src/engine/driver.ts";
import type { MigrationEvent } from "../../../src/engine/migrator.ts";
import {
  describeHolder,
  isWriteLocked,
  readLockHolder,
} from "../../../src/engine/sqlite/lock-holder.ts";
import { lockNotePath, readLockNote } from "../../../src/engine/sqlite/lock-note.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { errorOf } from "../../support/error-of.ts";
import { holdLock } from "../../support/held-lock.ts";
import { appliedVersions, listOf, migratorOver } from "../../support/migrating.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const namesProcesses = existsSync("/proc/locks");

describe("readLockHolder()", () => {
  it("knows nobody of a free database, whatever note a killed process left behind", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    using db = openConnection(path);
    db.runOnce("CREATE TABLE a (x)");
    expect(readLockHolder(path)).toBeNull();
    expect(isWriteLocked(db)).toBe(false);
    const left = { pid: 1, actor: "ann@desk", since: 1, step: "apply 001_a" };
    writeFileSync(lockNotePath(path), JSON.stringify(left));
    if (namesProcesses) expect(readLockHolder(path)).toBeNull();
    expect(isWriteLocked(db)).toBe(false);
  });

  it.skipIf(!namesProcesses)("names the process that writes, and asks no database", async () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    using db = openConnection(path);
    db.runOnce("CREATE TABLE a (x)");
    await using _ = await holdLock(path);
    const holder = readLockHolder(path) as LockHolder;
    expect(holder.command).toContain("lock-holder.ts");
    expect(holder.migrating).toBeNull();
    expect(isWriteLocked(db)).toBe(true);
    expect(describeHolder(holder)).toBe(`process ${holder.pid} (${holder.command})`);
  });

  it("is told by a migrating process what it is at, which takes its note away at the end", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    using db = openConnection(path);
    let seen: LockHolder | null = null;
    const source = listOf("CREATE TABLE a (x)", (access) => {
      seen = readLockHolder(path);
      access.exec("CREATE TABLE b (x)");
    });
    const before = Date.now();
    migratorOver(db, source, { actor: "ann@desk" }).up();
    expect(seen).toMatchObject({
      pid: process.pid,
      migrating: { actor: "ann@desk", step: "apply 002_m2" },
    });
    const { since } = (seen as unknown as { migrating: { since: number } }).migrating;
    expect(since).toBeGreaterThanOrEqual(before);
    expect(since).toBeLessThanOrEqual(Date.now());
    expect(existsSync(lockNotePath(path))).toBe(false);
  });

  it("takes the note away after a failure too, and makes it private", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    using db = openConnection(path);
    let mode = 0;
    const source = listOf((access) => {
      mode = statSync(lockNotePath(path)).mode & 0o777;
      access.exec("nonsense");
    });
    expect(() => migratorOver(db, source).up()).toThrow();
    expect(mode).toBe(0o600);
    expect(existsSync(lockNotePath(path))).toBe(false);
  });

  it.each([
    ["symbolic", symlinkSync],
    ["hard", linkSync],
  ])("never writes through a planted %s link, and goes on without a note", (_, plant) => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    const victim = folder.at("victim");
    writeFileSync(victim, "precious");
    plant(victim, lockNotePath(path));
    using db = openConnection(path);
    migratorOver(db, listOf("CREATE TABLE a (x)")).up();
    expect(appliedVersions(db)).toEqual([1]);
    expect(readFileSync(victim, "utf8")).toBe("precious");
  });

  it.each(["", "{", "[]", '{"pid":"1"}', '{"pid":1,"actor":2,"since":3,"step":"x"}'])(
    "takes the note %j for none",
    (text) => {
      using folder = tempFolder();
      const note = folder.at("x.db-migrating");
      writeFileSync(note, text);
      expect(readLockNote(note)).toBeNull();
    },
  );
});

describe("a step that finds the lock taken", () => {
  it("says who holds it, once, and goes on when it is free", async () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    openConnection(path).close();
    const lock = await holdLock(path);
    let release: Promise<void> | undefined;
    const events: MigrationEvent[] = [];
    // The driver waits synchronously, so the other process has to let go by itself.
    const onEvent = (event: MigrationEvent): void => {
      events.push(event);
      if (event.type === "waiting") release = Promise.resolve(lock[Symbol.asyncDispose]());
    };
    using db = openConnection(path, { busyTimeoutMs: 20_000 });
    migratorOver(db, listOf("CREATE TABLE a (x)", "CREATE TABLE b (x)"), { onEvent }).up();
    await release;
    expect(appliedVersions(db)).toEqual([1, 2]);
    const waiting = events.filter(({ type }) => type === "waiting");
    expect(waiting).toHaveLength(1);
    if (namesProcesses)
      expect(waiting[0]).toMatchObject({
        step: { version: 1 },
        holder: { command: expect.stringContaining("lock-holder.ts") },
      });
    expect(db.readOnce("PRAGMA busy_timeout")[0]?.[0]).toBe(20_000);
  });

  it("gives up after the time-out, naming the holder and how long it waited", async () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    openConnection(path).close();
    await using _ = await holdLock(path);
    using db = openConnection(path, { busyTimeoutMs: 400 });
    const error = errorOf(() => migratorOver(db, listOf("CREATE TABLE a (x)")).up());
    expect(error).toMatchObject({ code: "DATABASE_BUSY", exitCode: 4 });
    expect(error.message).toContain("holds the write lock");
    expect(error.message).toContain("within 400 ms");
    if (namesProcesses) expect(error.message).toContain("lock-holder.ts");
    expect(db.readOnce("PRAGMA busy_timeout")[0]?.[0]).toBe(400);
  });
});

describe("the connection's own time-out", () => {
  it("is left alone by a run that could not start, and given back by one that could", () => {
    using db = openConnection(":memory:", { busyTimeoutMs: 4321 });
    const timeout = (): unknown => db.readOnce("PRAGMA busy_timeout")[0]?.[0];
    const migrator = migratorOver(db, listOf("CREATE TABLE a (x)"));
    db.runOnce("BEGIN");
    expect(errorOf(() => migrator.up()).code).toBe("PRAGMA_REFUSED");
    expect(timeout()).toBe(4321);
    db.runOnce("ROLLBACK");
    migrator.up();
    expect(timeout()).toBe(4321);
  });
});
