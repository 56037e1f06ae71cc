import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { codeOf, errorOf } from "../../support/error-of.ts";
import { column } from "../../support/migrating.ts";
import { tempFolder } from "../../support/temp-folder.ts";

function withTable(): Connection {
  const db = openConnection(":memory:");
  db.runOnce("CREATE TABLE t (x INTEGER PRIMARY KEY)");
  return db;
}

const add = (db: Connection, x: number): void => void db.prepare("INSERT INTO t VALUES (?)").run(x);
const rows = (db: Connection): unknown[] => column(db, "SELECT x FROM t ORDER BY x");

describe("transaction()", () => {
  it("commits what its function wrote and returns its result", () => {
    using db = withTable();
    expect(db.transaction(() => (add(db, 1), "done"))).toBe("done");
    expect(rows(db)).toEqual([1]);
    expect(db.inTransaction).toBe(false);
  });

  it("takes the write lock at once", () => {
    using folder = tempFolder();
    using first = openConnection(folder.at("x.db"));
    using second = openConnection(folder.at("x.db"), { busyTimeoutMs: 0 });
    first.transaction(() => {
      expect(codeOf(() => second.transaction(() => undefined))).toBe("DATABASE_BUSY");
    });
    expect(second.transaction(() => 1)).toBe(1);
  });

  it("rolls back and throws the function's own error as it is", () => {
    using db = withTable();
    const own = new RangeError("mine");
    let caught: unknown;
    try {
      db.transaction(() => {
        add(db, 1);
        throw own;
      });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBe(own);
    expect(rows(db)).toEqual([]);
    expect(db.inTransaction).toBe(false);
  });

  it("gives SQLite's errors a type", () => {
    using db = withTable();
    add(db, 1);
    expect(codeOf(() => db.transaction(() => add(db, 1)))).toBe("CONSTRAINT_VIOLATED");
    expect(codeOf(() => db.transaction(() => db.runOnce("SELECT nope")))).toBe("SQL_FAILED");
    expect(db.transaction(() => 1)).toBe(1);
  });

  it("nests: an inner failure undoes the inner part, an outer one everything", () => {
    using db = withTable();
    db.transaction(() => {
      add(db, 1);
      expect(() =>
        db.transaction(() => {
          add(db, 2);
          db.transaction(() => add(db, 3));
          throw new Error("inner");
        }),
      ).toThrow("inner");
      db.transaction(() => add(db, 4));
    });
    expect(rows(db)).toEqual([1, 4]);
    expect(() =>
      db.transaction(() => {
        db.transaction(() => add(db, 5));
        throw new Error("outer");
      }),
    ).toThrow("outer");
    expect(rows(db)).toEqual([1, 4]);
    expect(db.inTransaction).toBe(false);
  });

  it.each([
    ["an async function", async () => undefined],
    ["a promise", () => Promise.resolve(1)],
    ["a promise that will be rejected", () => Promise.reject(new Error("later"))],
    // oxlint-disable-next-line unicorn/no-thenable
    ["a thenable", () => ({ then: () => undefined })],
  ])("refuses %s: it would commit at the first await", async (_, answer) => {
    using db = withTable();
    const work = (): unknown => {
      add(db, 1);
      return answer();
    };
    expect(codeOf(() => db.transaction(work))).toBe("TRANSACTION_PROMISE");
    expect(codeOf(() => db.transaction(() => db.transaction(work)))).toBe("TRANSACTION_PROMISE");
    expect(rows(db)).toEqual([]);
    // A rejection that nobody handles would end this process here.
    await Bun.sleep(1);
  });

  it("never hides the first error behind a rollback that fails", () => {
    using db = withTable();
    add(db, 1);
    const error = errorOf(() =>
      db.transaction(() => {
        add(db, 2);
        db.prepare("INSERT OR ROLLBACK INTO t VALUES (1)").run();
      }),
    );
    expect(error.code).toBe("CONSTRAINT_VIOLATED");
    expect(() =>
      db.transaction(() =>
        db.transaction(() => {
          db.runOnce("ROLLBACK");
          throw new Error("first");
        }),
      ),
    ).toThrow("first");
    expect(rows(db)).toEqual([1]);
    expect(db.transaction(() => (add(db, 9), 1))).toBe(1);
  });

  it("is refused, and leaves the connection usable, when its COMMIT fails", () => {
    using db = withTable();
    db.runOnce("CREATE TABLE c (p REFERENCES t (x) DEFERRABLE INITIALLY DEFERRED)");
    const orphan = db.prepare("INSERT INTO c VALUES (99)");
    expect(codeOf(() => db.transaction(() => void orphan.run(), "store it"))).toBe(
      "CONSTRAINT_VIOLATED",
    );
    expect(db.inTransaction).toBe(false);
    expect(column(db, "SELECT count(*) FROM c")).toEqual([0]);
  });

  it("names the action of each transaction, not of the first one", () => {
    using folder = tempFolder();
    using holder = openConnection(folder.at("x.db"));
    using db = openConnection(folder.at("x.db"), { busyTimeoutMs: 0 });
    db.transaction(() => undefined, "write the first");
    holder.transaction(() => {
      const error = errorOf(() => db.transaction(() => undefined, "write the second"));
      expect(error.message).toStartWith("Cannot write the second:");
    });
  });
});

describe("prepare()", () => {
  it("gives the same statement for the same text, and it survives forgetStatements()", () => {
    using db = withTable();
    const insert = db.prepare("INSERT INTO t VALUES (?)");
    expect(db.prepare("INSERT INTO t VALUES (?)")).toBe(insert);
    insert.run(1);
    db.forgetStatements();
    insert.run(2);
    db.runOnce("ALTER TABLE t RENAME TO u");
    db.runOnce("CREATE TABLE t (x)");
    insert.run(3);
    expect(rows(db)).toEqual([3]);
  });

  it("reads rows as objects, arrays and one by one", () => {
    using db = withTable();
    for (const x of [1, 2]) add(db, x);
    const query = db.prepare<{ x: number }>("SELECT x FROM t WHERE x >= ? ORDER BY x");
    expect(query.all(1)).toEqual([{ x: 1 }, { x: 2 }]);
    expect(query.values(2)).toEqual([[2]]);
    expect(query.get(1)).toEqual({ x: 1 });
    expect(query.get(9)).toBeNull();
  });

  it("names what it was for when it fails, and no value", () => {
    using db = withTable();
    const insert = db.prepare("INSERT INTO t VALUES (?)", "store a secret");
    insert.run(424_242);
    const error = errorOf(() => insert.run(424_242));
    expect(error.message).toStartWith("Cannot store a secret: UNIQUE constraint failed");
    expect(JSON.stringify(error)).not.toContain("424242");
    expect(codeOf(() => db.prepare("SELECT nope", "look").all())).toBe("SQL_FAILED");
  });
});
