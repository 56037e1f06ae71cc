import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { checkPlans, type PlanReport } from "../../../src/engine/sqlite/plans.ts";
import { parseQueries } from "../../../src/migration/queries.ts";
import { errorOf } from "../../support/error-of.ts";
import { listOf, migratorOver } from "../../support/migrating.ts";

const SCHEMA = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, mail TEXT UNIQUE);
  CREATE INDEX users_name ON users (name);
  CREATE INDEX users_idle ON users (mail, name);
  CREATE UNIQUE INDEX users_once ON users (mail, id);
  CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), text TEXT);
  CREATE INDEX posts_user ON posts (user_id);
  CREATE TABLE likes (user_id INTEGER REFERENCES users (id), post_id REFERENCES posts (id), PRIMARY KEY (user_id, post_id)) WITHOUT ROWID;
  CREATE TABLE tags (a, b, word TEXT PRIMARY KEY REFERENCES words (word), FOREIGN KEY (a, b) REFERENCES pairs (a, b));
  CREATE TABLE pairs (a, b, PRIMARY KEY (a, b));
  CREATE TABLE words (word TEXT PRIMARY KEY);
`;

/** A migrated database: the ledger has an index too, which is nobody's to use. */
function database(): Connection {
  const db = openConnection(":memory:");
  migratorOver(db, listOf(SCHEMA)).up();
  return db;
}

const check = (db: Connection, text: string): PlanReport =>
  checkPlans(db, parseQueries("q.sql", text));
const found = (report: PlanReport) =>
  report.findings.map(({ check: kind, degree, object }) => [kind, degree, object]);

const FINE = `
-- unused-index: users_idle: why not
-- unindexed-key: likes (post_id): why not
-- unindexed-key: tags (a, b): why not
-- query: a user by name
-- expect: SEARCH users USING INDEX users_name (name=?)
SELECT * FROM users WHERE name = :name;
`;

describe("checkPlans()", () => {
  it("shows every plan, nested by depth and with what foreign keys read, and runs nothing", () => {
    using db = database();
    const report = check(
      db,
      `-- query: nested
       SELECT (SELECT text FROM posts WHERE user_id = users.id) FROM users WHERE name = ?;
       -- query: write
       DELETE FROM words;
       -- query: insert
       INSERT INTO words VALUES (?);`,
    );
    expect(report.queries.map(({ plan }) => plan)).toEqual([
      [
        "SEARCH users USING COVERING INDEX users_name (name=?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "  SEARCH posts USING INDEX posts_user (user_id=?)",
      ],
      ["SCAN words", "SEARCH tags USING COVERING INDEX sqlite_autoindex_tags_1 (word=?)"],
      ["(no table is read)"],
    ]);
  });

  it("finds nothing where every plan is expected and every exception meant", () => {
    using db = database();
    expect(check(db, FINE).findings).toEqual([]);
  });

  it("names indexes that no query uses, but neither unique ones, nor those of foreign keys, nor the ledger's", () => {
    using db = database();
    expect(found(check(db, "")).filter(([kind]) => kind === "unused-index")).toEqual([
      ["unused-index", "remark", "users_idle"],
      ["unused-index", "remark", "users_name"],
    ]);
  });

  it("names foreign keys whose children only a scan finds", () => {
    using db = database();
    expect(found(check(db, "")).filter(([kind]) => kind === "unindexed-key")).toEqual([
      ["unindexed-key", "remark", "likes (post_id)"],
      ["unindexed-key", "remark", "tags (a, b)"],
    ]);
  });

  it("calls a query that lost its index, or its table, a regression", () => {
    using db = database();
    db.runOnce("DROP INDEX users_name");
    expect(check(db, FINE).findings).toMatchObject([
      {
        check: "plans",
        degree: "regression",
        object: "a user by name",
        place: "q.sql:5",
        observed: expect.stringContaining("SEARCH users became SCAN users"),
      },
    ]);
    db.runOnce("DROP TABLE likes");
    db.runOnce("DROP TABLE posts");
    db.runOnce("DROP TABLE users");
    expect(check(db, FINE).findings[0]).toMatchObject({
      degree: "regression",
      observed: "it does not compile: no such table: users",
    });
  });

  it("remarks on queries without an expected plan, and on exceptions that are not needed", () => {
    using db = database();
    const text = `${FINE}-- unused-index: users_name: it is used
-- query: by mail
SELECT 1 FROM users WHERE mail = ?;`;
    expect(found(check(db, text))).toEqual([
      ["plans", "remark", "by mail"],
      ["unused-index", "remark", "users_name"],
    ]);
  });

  it("does not take a broken database for a broken query", () => {
    using db = database();
    const report = check(db, "-- query: a\nSELECT address FROM users;");
    expect(report.queries[0]).toMatchObject({ plan: null, failure: "no such column: address" });
    db.close();
    expect(() => check(db, FINE)).toThrow();
    expect(errorOf(() => parseQueries("q.sql", "-- query: a")).code).toBe("QUERIES_INVALID");
  });
});
