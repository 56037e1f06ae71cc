import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection, type OpenOptions } from "../../../src/engine/sqlite/open.ts";
import { createSqliteDriver } from "../../../src/engine/sqlite/driver.ts";
import { createMigrator } from "../../../src/engine/migrator.ts";
import { APPLICATION_ID, refuseForeign } from "../../../src/store/schema.ts";
import { codeOf, errorOf } from "../../support/error-of.ts";
import { holdLock } from "../../support/held-lock.ts";
import { listOf, pragma } from "../../support/migrating.ts";
import { asOrdinaryUser } from "../../support/ordinary-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** How many descriptors of this process point at a file or its WAL; 0 where the system does not tell. */
function descriptorsOf(path: string): number {
  if (!existsSync("/proc/self/fd")) return 0;
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false; // the descriptor of the listing itself
    }
  }).length;
}

describe("openConnection()", () => {
  it("makes every setting and keeps it", () => {
    using folder = tempFolder();
    using db = openConnection(folder.at("x.db"), { busyTimeoutMs: 1234, synchronous: "FULL" });
    const settings = [
      "journal_mode",
      "busy_timeout",
      "foreign_keys",
      "synchronous",
      "trusted_schema",
      "auto_vacuum",
      "journal_size_limit",
      "query_only",
    ];
    expect(settings.map((name) => pragma(db, name))).toEqual([
      "wal",
      1234,
      1,
      2,
      0,
      2,
      64 * 1024 * 1024,
      0,
    ]);
    using usual = openConnection(folder.at("y.db"));
    expect([pragma(usual, "busy_timeout"), pragma(usual, "synchronous")]).toEqual([5000, 1]);
  });

  it("creates the file and its folders for the owner alone, WAL and shared memory included", () => {
    using folder = tempFolder();
    const before = process.umask(0);
    try {
      using db = openConnection(folder.at("a", "b", "x.db"));
      db.runOnce("CREATE TABLE t (x)");
      expect(["a", "a/b"].map((name) => mode(folder.at(name)))).toEqual(["700", "700"]);
      expect(
        ["x.db", "x.db-wal", "x.db-shm"].map((name) => mode(folder.at("a", "b", name))),
      ).toEqual(["600", "600", "600"]);
    } finally {
      process.umask(before);
    }
  });

  it("leaves the modes of what exists alone", () => {
    using folder = tempFolder();
    writeFileSync(folder.at("x.db"), "");
    chmodSync(folder.at("x.db"), 0o640);
    openConnection(folder.at("x.db")).close();
    expect(mode(folder.at("x.db"))).toBe("640");
  });

  it("uses memory only when asked for by name", () => {
    using db = openConnection(":memory:");
    expect(db.path).toBe(":memory:");
    expect(pragma(db, "database_list")).toBe(0);
    expect(db.readOnce("PRAGMA database_list")[0]?.[2]).toBe("");
    expect(existsSync(":memory:")).toBe(false);
  });

  it("takes a path literally, never as a URI", () => {
    using folder = tempFolder();
    const name = "file:x.db?mode=memory";
    using db = openConnection(folder.at(name));
    db.runOnce("CREATE TABLE t (x)");
    expect(statSync(folder.at(name)).size).toBeGreaterThan(0);
  });

  it.each([
    ["an empty path", "", {}, "DATABASE_PATH_INVALID"],
    ["a path of blanks", "  ", {}, "DATABASE_PATH_INVALID"],
    ["no path", undefined, {}, "DATABASE_PATH_INVALID"],
    ["a number", 7, {}, "DATABASE_PATH_INVALID"],
    ["a NUL byte", "a\0b", {}, "DATABASE_PATH_INVALID"],
    ["a misspelt option", ":memory:", { timeout: 5 }, "OPTION_UNKNOWN"],
    ["a negative time-out", ":memory:", { busyTimeoutMs: -1 }, "VALUE_INVALID"],
    ["a time-out in words", ":memory:", { busyTimeoutMs: "5000" }, "VALUE_INVALID"],
    ["a time-out of days", ":memory:", { busyTimeoutMs: 1e9 }, "VALUE_INVALID"],
    ["an unknown mode", ":memory:", { mode: "raed" }, "VALUE_INVALID"],
    ["SQL for a setting", ":memory:", { synchronous: "OFF; DROP TABLE t" }, "VALUE_INVALID"],
    ["synchronous OFF, which corrupts", ":memory:", { synchronous: "OFF" }, "VALUE_INVALID"],
  ])("refuses %s", (_, path, options, code) => {
    expect(codeOf(() => openConnection(path as string, options as OpenOptions))).toBe(code);
  });

  it("refuses what is no regular file and leaves it alone", () => {
    using folder = tempFolder();
    mkdirSync(folder.at("folder"));
    writeFileSync(folder.at("target"), "");
    symlinkSync(folder.at("target"), folder.at("link"));
    symlinkSync(folder.at("nowhere"), folder.at("dangling"));
    Bun.spawnSync(["mkfifo", folder.at("fifo")]);
    for (const modeOption of ["create", "existing", "read"] as const) {
      for (const [name, observed] of [
        ["folder", "a directory"],
        ["link", "a symbolic link"],
        ["dangling", "a symbolic link"],
        ["fifo", "a special file"],
      ] as const) {
        const error = errorOf(() => openConnection(folder.at(name), { mode: modeOption }));
        expect(error.code).toBe("DATABASE_PATH_INVALID");
        expect(error.message).toContain(observed);
      }
    }
    expect(existsSync(folder.at("nowhere"))).toBe(false);
    expect(readFileSync(folder.at("target"), "utf8")).toBe("");
  });

  it.each(["create", "existing", "read"] as const)(
    "refuses a file that is no database in mode %s",
    (modeOption) => {
      using folder = tempFolder();
      const text = "Dear diary, this is not a database. ".repeat(200);
      writeFileSync(folder.at("x.db"), text);
      expect(codeOf(() => openConnection(folder.at("x.db"), { mode: modeOption }))).toBe(
        "DATABASE_NOT_SQLITE",
      );
      expect(readFileSync(folder.at("x.db"), "utf8")).toBe(text);
      expect(readdirSync(folder.path)).toEqual(["x.db"]);
      expect(descriptorsOf(folder.path)).toBe(0);
    },
  );

  it.each(["existing", "read"] as const)("creates nothing in mode %s", (modeOption) => {
    using folder = tempFolder();
    expect(codeOf(() => openConnection(folder.at("a", "x.db"), { mode: modeOption }))).toBe(
      "DATABASE_NOT_FOUND",
    );
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it("tells a reader of a folder that is closed to it to read a copy", () => {
    using folder = tempFolder();
    const file = folder.at("x.db");
    openConnection(file).close();
    chmodSync(file, 0o644);
    chmodSync(folder.path, 0o555);
    try {
      const error = asOrdinaryUser(() => errorOf(() => openConnection(file, { mode: "read" })));
      expect(error).toMatchObject({
        code: "DATABASE_READONLY",
        message: expect.stringContaining("a -shm beside it"),
        hint: expect.stringContaining("read the copy"),
      });
    } finally {
      chmodSync(folder.path, 0o755);
    }
  });

  it("names a folder that can't be made", () => {
    using folder = tempFolder();
    writeFileSync(folder.at("file"), "");
    expect(codeOf(() => openConnection(folder.at("file", "x.db")))).toBe("DATABASE_CANNOT_OPEN");
    chmodSync(folder.path, 0o555);
    const code = asOrdinaryUser(() => codeOf(() => openConnection(folder.at("new", "x.db"))));
    expect(code).toBe("DATABASE_CANNOT_OPEN");
    chmodSync(folder.path, 0o755);
  });

  it("refuses every write in mode read and leaves no file behind", () => {
    using folder = tempFolder();
    {
      using db = openConnection(folder.at("x.db"));
      db.runOnce("CREATE TABLE t (x)");
    }
    {
      using db = openConnection(folder.at("x.db"), { mode: "read" });
      expect(codeOf(() => db.prepare("INSERT INTO t VALUES (1)").run())).toBe("DATABASE_READONLY");
      expect(db.readOnce("SELECT count(*) FROM t")).toEqual([[0]]);
    }
    expect(readdirSync(folder.path)).toEqual(["x.db"]);
  });

  it("opens and reads at once while another process holds the write lock, and waits only to write", async () => {
    using folder = tempFolder();
    openConnection(folder.at("x.db")).close();
    await using _lock = await holdLock(folder.at("x.db"));
    const startedAt = performance.now();
    using db = openConnection(folder.at("x.db"), { busyTimeoutMs: 50 });
    expect(db.readOnce("SELECT count(*) FROM sqlite_schema")).toEqual([[0]]);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    const error = errorOf(() => db.transaction(() => undefined, "count the beans"));
    expect(error).toMatchObject({ code: "DATABASE_BUSY", exitCode: 4 });
    expect(error.message).toStartWith("Cannot count the beans:");
  });
});

describe("close()", () => {
  it("leaves no descriptor, WAL or lock, prepared statements or not, and may be called twice", () => {
    using folder = tempFolder();
    const db = openConnection(folder.at("x.db"));
    db.runOnce("CREATE TABLE t (x)");
    const insert = db.prepare("INSERT INTO t VALUES (?)");
    insert.run(1);
    db.prepare("SELECT * FROM t").get();
    db.compile("SELECT * FROM t", "look").all();
    db.close();
    db.close();
    expect(db.isClosed).toBe(true);
    expect(readdirSync(folder.path)).toEqual(["x.db"]);
    expect(descriptorsOf(folder.path)).toBe(0);
    using other = new Database(folder.at("x.db"), { readwrite: true });
    expect(other.query("PRAGMA locking_mode = EXCLUSIVE").values()).toEqual([["exclusive"]]);
    expect(() => other.run("BEGIN EXCLUSIVE; COMMIT")).not.toThrow();
  });

  it("is called at the end of a `using` block, also by an exception", () => {
    using folder = tempFolder();
    let escaped: Connection | undefined;
    expect(() => {
      using db = openConnection(folder.at("x.db"));
      escaped = db;
      db.runOnce("BEGIN IMMEDIATE");
      throw new Error("out");
    }).toThrow("out");
    expect(escaped?.isClosed).toBe(true);
    expect(descriptorsOf(folder.path)).toBe(0);
  });

  it("makes every later use a typed error", () => {
    const db = openConnection(":memory:");
    const kept = db.prepare("SELECT 1");
    kept.get();
    db.close();
    for (const work of [
      () => kept.get(),
      () => kept.run(),
      () => kept.all(),
      () => kept.values(),
      () => db.prepare("SELECT 2").get(),
      () => db.transaction(() => 1),
    ])
      expect(codeOf(work)).toBe("DATABASE_CLOSED");
  });
});

describe("refuseForeign()", () => {
  it("lets an empty file and the product's own pass", () => {
    using db = openConnection(":memory:");
    expect(() => refuseForeign(db)).not.toThrow();
    const driver = createSqliteDriver(db, { applicationId: APPLICATION_ID });
    createMigrator({ driver, source: listOf("CREATE TABLE a (x)") }).up();
    expect(() => refuseForeign(db)).not.toThrow();
  });

  it.each([
    ["another application_id", "PRAGMA application_id = 7"],
    ["tables and no ledger", "CREATE TABLE customers (x)"],
  ])("refuses a file with %s", (_, sql) => {
    using db = openConnection(":memory:");
    db.runOnce(sql);
    expect(codeOf(() => refuseForeign(db))).toBe("DATABASE_FOREIGN");
  });
});
