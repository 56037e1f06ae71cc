import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { readLedgerRows } from "../../../src/engine/sqlite/ledger.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { diffSchema, type SchemaDiff } from "../../../src/engine/sqlite/schema-diff.ts";
import { chance, FAULT_ROUNDS } from "../../support/fault-rounds.ts";
import { column, listOf, migratorOver } from "../../support/migrating.ts";

const SOURCE = listOf(
  `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL COLLATE NOCASE UNIQUE, age INT CHECK (age > 0),
     shout TEXT AS (upper(email)) STORED) STRICT`,
  `CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
     body TEXT DEFAULT 'x', UNIQUE (user_id, body))`,
  `CREATE INDEX posts_user ON posts (user_id DESC) WHERE body IS NOT NULL;
   CREATE INDEX users_age ON users (age + 1);
   CREATE VIEW recent AS SELECT id, body FROM posts;
   CREATE TRIGGER grow AFTER INSERT ON posts BEGIN UPDATE users SET age = age + 1 WHERE id = new.user_id; END`,
  'CREATE TABLE "odd name" ("a b" TEXT, [c] INT, PRIMARY KEY ("a b")) WITHOUT ROWID',
);

const ROWS = [
  "INSERT INTO users (id, email, age) VALUES (1, 'ann', 1), (2, 'bob', NULL)",
  "INSERT INTO posts (id, user_id, body) VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 2, NULL)",
  `INSERT INTO "odd name" VALUES ('k', 1)`,
];

function migrated(): Connection {
  const db = openConnection(":memory:");
  migratorOver(db, SOURCE).up();
  for (const sql of ROWS) db.runOnce(sql);
  return db;
}

const diffOf = (db: Connection): SchemaDiff => diffSchema(db, readLedgerRows(db), SOURCE.load());

/** As `migrate diff` prints it: foreign keys off, one transaction. */
function mend(db: Connection, { statements }: SchemaDiff["mend"]): void {
  db.runOnce("PRAGMA foreign_keys = OFF");
  db.transaction(() => {
    for (const sql of statements) db.runOnce(sql);
  });
  db.runOnce("PRAGMA foreign_keys = ON");
}

/** Each runs on the migrated schema, whatever else of this list ran before. */
const CHANGES = [
  "DROP INDEX IF EXISTS posts_user",
  "DROP VIEW IF EXISTS recent",
  "DROP TRIGGER IF EXISTS grow",
  "CREATE TABLE IF NOT EXISTS mine (x)",
  "CREATE INDEX IF NOT EXISTS mine_body ON posts (body)",
  "CREATE TRIGGER IF NOT EXISTS mine_t AFTER DELETE ON users BEGIN SELECT 1; END",
  "CREATE VIEW IF NOT EXISTS mine_v AS SELECT count(*) AS n FROM users",
  "ALTER TABLE posts ADD COLUMN surplus_a INT DEFAULT 1",
  "ALTER TABLE users ADD COLUMN surplus_b TEXT",
  'ALTER TABLE "odd name" ADD COLUMN "d e" TEXT',
  "ALTER TABLE posts ALTER COLUMN user_id DROP NOT NULL",
  "ALTER TABLE users ALTER COLUMN email DROP NOT NULL",
  'ALTER TABLE "odd name" DROP COLUMN c',
  'ALTER TABLE "odd name" ADD CONSTRAINT odd CHECK (length("a b") < 100)',
  "ALTER TABLE posts ADD CONSTRAINT short CHECK (length(body) < 100)",
];

describe("diffSchema()", () => {
  it("finds nothing on a schema as the migrations build it", () => {
    using db = migrated();
    expect(diffOf(db)).toEqual({
      differences: [],
      mend: { statements: [], cautions: [], isComplete: true },
      unknown: null,
    });
  });

  it("names each object with its direction, and what the SQL would lose", () => {
    using db = migrated();
    for (const sql of [
      "DROP INDEX posts_user",
      "CREATE TABLE mine (x)",
      "INSERT INTO mine VALUES (1), (2)",
      "ALTER TABLE users ADD COLUMN extra TEXT DEFAULT 'z'",
      "DROP VIEW recent",
      "CREATE VIEW recent AS SELECT id FROM posts",
    ])
      db.runOnce(sql);
    const { differences, mend: how } = diffOf(db);
    expect(differences.map(({ type, name, state }) => [type, name, state])).toEqual([
      ["index", "posts_user", "missing"],
      ["table", "users", "changed"],
      ["view", "recent", "changed"],
      ["table", "mine", "surplus"],
    ]);
    expect(differences[1]).toMatchObject({
      expected: [],
      observed: ["column extra TEXT DEFAULT 'z' pk=0 hidden=0"],
    });
    expect(how.cautions).toEqual([
      "users.extra goes, with 2 value(s)",
      "dropping mine loses 2 row(s)",
    ]);
    expect(how.isComplete).toBe(true);
  });

  it("mends with ALTER TABLE where that leads there, and rebuilds where it does not", () => {
    using altered = migrated();
    altered.runOnce("ALTER TABLE users ALTER COLUMN email DROP NOT NULL");
    expect(diffOf(altered).mend.statements).toEqual([
      'ALTER TABLE "users" ALTER COLUMN "email" SET NOT NULL',
    ]);
    using rebuilt = migrated();
    rebuilt.runOnce("ALTER TABLE posts ADD CONSTRAINT short CHECK (length(body) < 100)");
    expect(diffOf(rebuilt).mend.statements).toEqual([
      'DROP VIEW "recent"',
      'DROP TRIGGER "grow"',
      expect.stringMatching(/^CREATE TABLE "posts_mended" \(/),
      'INSERT INTO "posts_mended" ("id", "user_id", "body") SELECT "id", "user_id", "body" FROM "posts"',
      'DROP TABLE "posts"',
      'ALTER TABLE "posts_mended" RENAME TO "posts"',
      expect.stringContaining("CREATE VIEW recent"),
      expect.stringContaining("CREATE INDEX posts_user"),
      expect.stringContaining("CREATE TRIGGER grow"),
    ]);
  });

  it("warns of rows that a NOT NULL would fail on", () => {
    using db = migrated();
    db.runOnce("ALTER TABLE posts ALTER COLUMN user_id DROP NOT NULL");
    db.runOnce("INSERT INTO posts (user_id) VALUES (NULL)");
    expect(diffOf(db).mend.cautions).toEqual(["fails on 1 row(s) of posts without user_id"]);
  });

  it("writes SQL that leads all the way back from any mixture of changes, and keeps every row", () => {
    const { seed } = chance();
    fc.assert(
      fc.property(fc.subarray(CHANGES, { minLength: 1 }), (changes) => {
        using db = migrated();
        for (const sql of changes) db.runOnce(sql);
        const found = diffOf(db);
        expect(found.differences.length).toBeGreaterThan(0);
        expect(found.mend.isComplete).toBe(true);
        mend(db, found.mend);
        expect(diffOf(db).differences).toEqual([]);
        expect(column(db, "SELECT email FROM users ORDER BY id")).toEqual(["ann", "bob"]);
        expect(column(db, "SELECT id FROM posts ORDER BY id")).toEqual([1, 2, 3]);
        expect([1, null] as unknown[]).toContain(column(db, 'SELECT c FROM "odd name"')[0]);
        expect(db.readOnce("PRAGMA foreign_key_check")).toEqual([]);
        expect(db.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
      }),
      { seed, numRuns: 60 * FAULT_ROUNDS },
    );
  });
});
