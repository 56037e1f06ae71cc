import { describe, expect, it } from "bun:test";
import type { SourcePosition } from "../../../src/errors.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import type { MigrationDatabase, MigrationQuery } from "../../../src/migration/migration.ts";
import { codeOf, errorOf } from "../../support/error-of.ts";
import {
  appliedVersions,
  column,
  listOf,
  migratorOver,
  objectNames,
} from "../../support/migrating.ts";

/** Runs one function as a migration on a fresh database that has table `a` with one row. */
function tryMigration(up: (db: MigrationDatabase) => unknown) {
  const connection = openConnection(":memory:");
  const base = "CREATE TABLE a (x INTEGER PRIMARY KEY); INSERT INTO a VALUES (1)";
  const migrator = migratorOver(connection, listOf(base, up as (db: MigrationDatabase) => void));
  return { connection, up: () => migrator.up(), [Symbol.dispose]: () => connection.close() };
}

describe("the database of a migration function", () => {
  it("runs scripts, bound values and queries", () => {
    using attempt = tryMigration((db) => {
      db.exec("CREATE TABLE b (x, y); INSERT INTO b VALUES (1, 'one');");
      expect(db.run("INSERT INTO b VALUES (?, ?)", 2, "two; -- not a comment").changes).toBe(1);
      const insert = db.prepare("INSERT INTO b VALUES (?, ?);");
      for (const x of [3, 4]) insert.run(x, null);
      expect(db.query("SELECT x FROM b WHERE y IS NULL ORDER BY x").all()).toEqual([
        { x: 3 },
        { x: 4 },
      ]);
      expect(db.query<{ n: number }>("SELECT count(*) AS n FROM b").get()).toEqual({ n: 4 });
      expect(db.query("SELECT 1 FROM b WHERE x = ?").get(99)).toBeNull();
    });
    attempt.up();
    expect(column(attempt.connection, "SELECT x FROM b ORDER BY x")).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ["BEGIN", "MIGRATION_TRANSACTION_CONTROL"],
    ["COMMIT", "MIGRATION_TRANSACTION_CONTROL"],
    ["SELECT 1; COMMIT; SELECT 2", "MIGRATION_TRANSACTION_CONTROL"],
    ["ROLLBACK", "MIGRATION_TRANSACTION_CONTROL"],
    ["SAVEPOINT a", "MIGRATION_TRANSACTION_CONTROL"],
    ["ATTACH ':memory:' AS other", "MIGRATION_STATEMENT_FORBIDDEN"],
    ["VACUUM", "MIGRATION_STATEMENT_FORBIDDEN"],
    ["PRAGMA user_version = 9", "MIGRATION_STATEMENT_FORBIDDEN"],
    ["SELECT 'abc", "MIGRATION_SQL_UNTERMINATED"],
    ["SELECT 1 /* abc", "MIGRATION_SQL_UNTERMINATED"],
    ["SELECT 1;\0 DROP TABLE a", "MIGRATION_SQL_NUL"],
  ])("refuses %p in exec(), run() and query() before any of it runs", (sql, code) => {
    for (const method of ["exec", "run", "query"] as const) {
      using attempt = tryMigration((db) => {
        db.exec("CREATE TABLE b (x)");
        db[method](sql);
      });
      expect(codeOf(attempt.up)).toBe(code);
      expect(objectNames(attempt.connection)).toEqual(["a"]);
      expect(appliedVersions(attempt.connection)).toEqual([1]);
    }
  });

  it.each(["SELECT 1; SELECT 2", "", "-- nothing"])("refuses to prepare %p", (sql) => {
    using attempt = tryMigration((db) => void db.prepare(sql));
    const error = errorOf(attempt.up);
    expect(error.code).toBe("MIGRATION_FAILED");
    expect(error.hint).toContain("exec()");
  });

  it("names the statement that SQLite refused, in the text that was passed", () => {
    using attempt = tryMigration((db) => db.exec("SELECT 1;\nINSERT INTO a VALUES ('é', nope);"));
    const error = errorOf(attempt.up);
    expect(error.code).toBe("MIGRATION_FAILED");
    const position = error.details["position"] as SourcePosition;
    expect(position).toMatchObject({ file: "002_m2 (SQL)", line: 2, column: 28 });
    expect(error.details["statement"]).toBe("INSERT INTO a VALUES ('é', nope)");
  });

  it("tells a broken constraint of a bound value too", () => {
    using attempt = tryMigration((db) => void db.run("INSERT INTO a VALUES (?)", 1));
    expect(errorOf(attempt.up)).toMatchObject({
      code: "MIGRATION_FAILED",
      details: { statement: "INSERT INTO a VALUES (?)", failed: 2 },
    });
  });

  it("does not blame a statement for the migration's own exception", () => {
    const own = new Error("no such customer");
    using attempt = tryMigration((db) => {
      db.exec("CREATE TABLE b (x)");
      throw own;
    });
    const error = errorOf(attempt.up);
    expect(error).toMatchObject({
      code: "MIGRATION_FAILED",
      details: { position: null, statement: null },
    });
    expect(error.cause).toBe(own);
    expect(objectNames(attempt.connection)).toEqual(["a"]);
  });

  it("wraps whatever is thrown, even what is no error", () => {
    using attempt = tryMigration(() => {
      // oxlint-disable-next-line no-throw-literal
      throw "just a string";
    });
    expect(errorOf(attempt.up).message).toContain("just a string");
  });

  it("ends with the migration: a handle or a query kept beyond it writes nothing", () => {
    let handle: MigrationDatabase | undefined;
    let insert: MigrationQuery<unknown> | undefined;
    using attempt = tryMigration((db) => {
      handle = db;
      insert = db.prepare("INSERT INTO a VALUES (?)");
      insert.run(2);
    });
    attempt.up();
    for (const late of [
      () => handle?.exec("DROP TABLE a"),
      () => handle?.run("DELETE FROM a"),
      () => handle?.query("SELECT 1"),
      () => insert?.run(3),
      () => insert?.all(4),
      () => attempt.connection.transaction(() => insert?.run(5)),
    ])
      expect(codeOf(late)).toBe("MIGRATION_ENDED_TRANSACTION");
    expect(column(attempt.connection, "SELECT x FROM a ORDER BY x")).toEqual([1, 2]);
  });

  it("alters a table that a query was just read from", () => {
    using attempt = tryMigration((db) => {
      const rows = db.query("SELECT * FROM a");
      rows.get();
      db.exec("ALTER TABLE a ADD COLUMN y; DROP TABLE a");
      db.exec("CREATE TABLE a (z)");
      expect(rows.all()).toEqual([]);
    });
    attempt.up();
    expect(objectNames(attempt.connection)).toEqual(["a"]);
  });

  it("alters a table after a write whose RETURNING was read once only", () => {
    using attempt = tryMigration((db) => {
      const insert = db.query("INSERT INTO a VALUES (?), (?) RETURNING x");
      expect(insert.get(2, 3)).toEqual({ x: 2 });
      db.exec("DROP TABLE a; CREATE TABLE b (x)");
    });
    attempt.up();
    expect(objectNames(attempt.connection)).toEqual(["b"]);
  });

  it("does not keep one compiled statement for every text it ever ran", () => {
    using attempt = tryMigration((db) => {
      for (let i = 2; i < 5000; i++) {
        db.run(`INSERT INTO a VALUES (${i})`);
        if (i % 100 === 0) db.exec(`UPDATE a SET x = x WHERE x = ${i}`);
      }
    });
    const startedAt = performance.now();
    attempt.up();
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(column(attempt.connection, "SELECT count(*) FROM a")).toEqual([4999]);
  });
});

describe("a migration function that is not synchronous", () => {
  it.each([
    ["an async function", async () => undefined],
    ["a generator", function* () {}],
    ["an async generator", async function* () {}],
  ])("is refused when it is registered: %s", (_, up) => {
    expect(codeOf(() => listOf(up as unknown as () => void))).toBe("MIGRATION_ASYNC");
    expect(codeOf(() => listOf(["SELECT 1", up as unknown as () => void]))).toBe("MIGRATION_ASYNC");
  });

  it.each([
    ["a promise", () => Promise.resolve()],
    ["a promise that will be rejected", () => Promise.reject(new Error("later"))],
    // oxlint-disable-next-line unicorn/no-thenable
    ["a thenable", () => ({ then: () => undefined })],
  ])("is undone when it returned %s", async (_, answer) => {
    using attempt = tryMigration((db) => {
      db.exec("CREATE TABLE b (x)");
      return answer();
    });
    expect(codeOf(attempt.up)).toBe("MIGRATION_ASYNC");
    expect(objectNames(attempt.connection)).toEqual(["a"]);
    // A rejection that nobody handles would end this process here.
    await Bun.sleep(1);
  });
});

describe("values that SQLite would store as something else", () => {
  it.each([
    ["undefined", undefined, "undefined"],
    ["NaN", Number.NaN, "NaN"],
    ["2^53", 2 ** 53, "2^53"],
    ["a BigInt of 65 bits", 2n ** 63n, "64 bits"],
    ["a lone surrogate", "a\ud800", "surrogate"],
    ["an object", { a: 1 }, "an object"],
    ["a date", new Date(0), "an object"],
  ])("refuses %s, which would match no row in silence", (_, value, words) => {
    using db = openConnection(":memory:");
    const bound = value as never;
    const bodies = [
      (access: MigrationDatabase) => access.run("UPDATE t SET x = 1 WHERE id = ?", bound),
      (access: MigrationDatabase) => access.query("SELECT ?").get(bound),
      (access: MigrationDatabase) => access.prepare("SELECT ?").all(bound),
      (access: MigrationDatabase) => access.query("UPDATE t SET x = ?").run(bound),
    ];
    for (const body of bodies) {
      const source = listOf("CREATE TABLE IF NOT EXISTS t (id, x)", (access) => void body(access));
      const error = errorOf(() => migratorOver(db, source).up());
      expect(error.code).toBe("MIGRATION_FAILED");
      expect(error.message).toContain(words);
    }
  });

  it("takes all others as they are", () => {
    using db = openConnection(":memory:");
    const values = [
      null,
      true,
      -1.5,
      2 ** 53 - 1,
      2n ** 63n - 1n,
      Infinity,
      "é\0",
      new Uint8Array(2),
    ];
    const source = listOf((access) => {
      access.exec("CREATE TABLE t (x)");
      for (const value of values) access.run("INSERT INTO t VALUES (?)", value);
    });
    migratorOver(db, source).up();
    expect(db.readOnce("SELECT count(*) FROM t")).toEqual([[values.length]]);
  });
});
