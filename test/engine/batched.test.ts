import { describe, expect, it } from "bun:test";
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { directorySource } from "../../src/engine/directory.ts";
import { createAsyncMigrator, type MigrationEvent } from "../../src/engine/migrator.ts";
import { clearProgress } from "../../src/engine/sqlite/repair.ts";
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import { createSqliteDriver } from "../../src/engine/sqlite/driver.ts";
import { createHazardGuard } from "../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { readProgress, writeProgress } from "../../src/engine/sqlite/progress.ts";
import { validateConnection } from "../../src/engine/sqlite/validate.ts";
import { batched, type BatchedOptions } from "../../src/migration/batched.ts";
import { codeOf, errorOf, errorOfAsync } from "../support/error-of.ts";
import { writeMigrations } from "../support/migration-directory.ts";
import {
  appliedVersions,
  column,
  listOf,
  migratorOver,
  type Sketch,
} from "../support/migrating.ts";
import { tempFolder } from "../support/temp-folder.ts";

const ROWS = 100;
const SCHEMA = `CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0, note TEXT);
  WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < ${ROWS})
  INSERT INTO t (id) SELECT i * 3 FROM s;`;

const count = (options: Partial<BatchedOptions> = {}) =>
  batched({
    table: "t",
    firstRows: 10,
    run: (db, { where }) => {
      db.run(`UPDATE t SET n = n + 1 WHERE ${where}`);
    },
    ...options,
  });

const uncount = batched({
  table: "t",
  firstRows: 10,
  run: (db, { where }) => {
    db.run(`UPDATE t SET n = 0 WHERE ${where}`);
  },
});

/** Fails in the chunk that reaches the id, as often as `isBroken` says. */
function countUntil(id: number, isBroken: () => boolean) {
  return count({
    run: (db, batch) => {
      const rows = batch.rows<{ id: number }>("id");
      db.run(`UPDATE t SET n = n + 1 WHERE ${batch.where}`);
      if (isBroken() && rows.some((row) => row.id >= id)) throw new Error("the lights went out");
    },
  });
}

const state = (db: Connection): unknown => db.readOnce("SELECT min(n), max(n), sum(n) FROM t");

function broken(id: number, ...more: readonly Sketch[]) {
  const db = openConnection(":memory:");
  let isBroken = true;
  const migrator = migratorOver(
    db,
    listOf(SCHEMA, [countUntil(id, () => isBroken), uncount], ...more),
  );
  return { db, migrator, mend: () => (isBroken = false) };
}

describe("batched()", () => {
  it("does every row once, in the order of the key, and writes the ledger with the last chunk", () => {
    using db = openConnection(":memory:");
    const seen: number[] = [];
    const sizes: number[] = [];
    const events: MigrationEvent[] = [];
    const up = count({
      run: (handle, batch) => {
        const rows = batch.rows<{ id: number }>("id");
        seen.push(...rows.map(({ id }) => id));
        sizes.push(batch.rowCount);
        expect(rows).toHaveLength(batch.rowCount);
        handle.run(`UPDATE t SET n = n + 1 WHERE ${batch.where}`);
      },
    });
    const migrator = migratorOver(db, listOf(SCHEMA, up), {
      onEvent: (event) => events.push(event),
    });
    expect(migrator.up().steps).toHaveLength(2);
    expect(seen).toEqual(Array.from({ length: ROWS }, (_, index) => (index + 1) * 3));
    expect(sizes[0]).toBe(10);
    expect(state(db)).toEqual([[1, 1, ROWS]]);
    expect(appliedVersions(db)).toEqual([1, 2]);
    const progress = events.filter((event) => event.type === "progress");
    expect(progress[0]).toMatchObject({ unit: "rows", done: 10, total: ROWS });
    expect(progress).toHaveLength(sizes.length - 1);
    expect(readProgress(db)).toBeNull();
    expect(validateConnection(db, migrator.status().standings).findings).toEqual([]);
    expect(migrator.up().steps).toEqual([]);
  });

  it("goes by the primary key WITHOUT ROWID, whatever its values", () => {
    using db = openConnection(":memory:");
    const seen: unknown[] = [];
    const schema = `CREATE TABLE k (a, b, c INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (a, b)) WITHOUT ROWID;
      INSERT INTO k (a, b) VALUES (1, 'it''s'), (1, x'00ff'), (9007199254740993, 1), (9007199254740993, 2),
        (1.5, ''), ('a', 0.1), ('a', 'ß'), ('b', -1);`;
    const up = batched({
      table: "k",
      firstRows: 1,
      run: (handle, { where, rows }) => {
        seen.push(...rows("CAST(a AS TEXT) AS a, b").map((row) => Object.values(row)));
        handle.run(`UPDATE k SET c = c + 1 WHERE ${where}`);
      },
    });
    migratorOver(db, listOf(schema, up)).up();
    expect(db.readOnce("SELECT count(*), min(c), max(c) FROM k")).toEqual([[8, 1, 1]]);
    expect(seen).toHaveLength(8);
    expect(seen[4]).toEqual(["9007199254740993", 2]);
  });

  it("writes the ledger for a table without rows", () => {
    using db = openConnection(":memory:");
    migratorOver(db, listOf("CREATE TABLE t (id INTEGER PRIMARY KEY, n)", count())).up();
    expect(appliedVersions(db)).toEqual([1, 2]);
  });

  it("goes on where it stood after a failure, and only then with the versions after it", () => {
    const { db, migrator, mend } = broken(150, "CREATE TABLE later (x)");
    const failure = errorOf(() => migrator.up());
    expect(failure.message).toContain("the lights went out");
    const { unfinished, pendingCount } = migrator.status();
    expect(unfinished).toMatchObject({
      version: 2,
      state: "failed",
      unit: "rows",
      total: ROWS,
      error: expect.stringContaining("the lights went out"),
    });
    expect(pendingCount).toBe(2);
    const done = unfinished?.done ?? 0;
    expect(done).toBeGreaterThan(0);
    expect(column(db, "SELECT count(*) FROM t WHERE n = 1")).toEqual([done]);
    expect(column(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'later'")).toEqual([0]);
    mend();
    migrator.up();
    expect(state(db)).toEqual([[1, 1, ROWS]]);
    expect(appliedVersions(db)).toEqual([1, 2, 3]);
    expect(migrator.status().unfinished).toBeNull();
  });

  it("is undone half-way by its down, which may be batched too", () => {
    const { db, migrator } = broken(150);
    expect(() => migrator.up()).toThrow();
    expect(migrator.rollback().steps).toMatchObject([{ direction: "down", version: 2 }]);
    expect(state(db)).toEqual([[0, 0, 0]]);
    expect(appliedVersions(db)).toEqual([1]);
    expect(readProgress(db)).toBeNull();
  });

  it("is undone half-way by a plain down", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(
      db,
      listOf(SCHEMA, [countUntil(150, () => true), "UPDATE t SET n = 0"]),
    );
    expect(() => migrator.up()).toThrow();
    expect(migrator.rollback({ target: 1 }).steps).toHaveLength(1);
    expect(state(db)).toEqual([[0, 0, 0]]);
    expect(readProgress(db)).toBeNull();
    expect(appliedVersions(db)).toEqual([1]);
  });

  it("has no way back half-way without a down, and says what there is", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(
      db,
      listOf(
        SCHEMA,
        countUntil(150, () => true),
      ),
    );
    expect(() => migrator.up()).toThrow();
    const error = errorOf(() => migrator.rollback());
    expect(error.code).toBe("MIGRATION_IRREVERSIBLE");
    expect(error.hint).toContain("repair --clear 2");
    db.transaction(() => clearProgress(db, 2));
    expect(readProgress(db)).toBeNull();
    expect(codeOf(() => db.transaction(() => clearProgress(db, 2)))).toBe("REPAIR_NEEDLESS");
  });

  it("finishes a rollback before anything else", () => {
    using db = openConnection(":memory:");
    let isBroken = true;
    const down = countUntil(150, () => isBroken);
    const migrator = migratorOver(db, listOf(SCHEMA, [count(), down]));
    migrator.up();
    expect(() => migrator.rollback()).toThrow("the lights went out");
    expect(appliedVersions(db)).toEqual([1, 2]);
    expect(errorOf(() => migrator.up())).toMatchObject({
      code: "MIGRATION_UNFINISHED",
      message: expect.stringContaining("the rollback of 002_m2 is unfinished at"),
    });
    expect(codeOf(() => migrator.redo())).toBe("MIGRATION_UNFINISHED");
    isBroken = false;
    expect(migrator.rollback().steps).toHaveLength(1);
    expect(state(db)).toEqual([[2, 2, 2 * ROWS]]);
    expect(appliedVersions(db)).toEqual([1]);
  });

  it("names a file that was edited in between, and one that is gone", () => {
    using folder = tempFolder();
    const module = (
      text: string,
    ): string => `import { batched } from "${process.cwd()}/src/migrate.ts";
      export const up = batched({ table: "t", firstRows: 5, run: (db, { where, rows }) => {
        db.run(\`UPDATE t SET n = n + 1 WHERE \${where}\`);
        ${text}
      } });`;
    const directory = writeMigrations(folder.at("m"), {
      "1_a.sql": SCHEMA,
      "2_b.ts": module("if (rows().some(({ id }) => id > 200)) throw new Error('no');"),
    });
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, directorySource(directory));
    expect(() => migrator.up()).toThrow("no");
    writeFileSync(`${directory}/2_b.ts`, module(""));
    expect(errorOf(() => migrator.up())).toMatchObject({
      code: "MIGRATION_EDITED",
      message: expect.stringContaining("2_b.ts was edited since it began and stands at"),
    });
    const without = migratorOver(
      db,
      directorySource(writeMigrations(folder.at("n"), { "1_a.sql": SCHEMA })),
    );
    expect(codeOf(() => without.up())).toBe("MIGRATION_MISSING");
    expect(codeOf(() => without.rollback())).toBe("MIGRATION_MISSING");
  });

  it("stops between two chunks when it is told to, and goes on from there", async () => {
    using db = openConnection(":memory:");
    const controller = new AbortController();
    const source = listOf(SCHEMA, count());
    const options = { driver: createSqliteDriver(db), source };
    const stopped = createAsyncMigrator({
      ...options,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === "progress") setTimeout(() => controller.abort());
      },
    });
    const error = await errorOfAsync(stopped.up());
    expect(error).toMatchObject({
      code: "CANCELLED",
      message: expect.stringContaining("interrupted at"),
    });
    const { done = 0 } = (await stopped.status()).unfinished ?? {};
    expect(column(db, "SELECT count(*) FROM t WHERE n = 1")).toEqual([done]);
    await createAsyncMigrator(options).up();
    expect(state(db)).toEqual([[1, 1, ROWS]]);
  });

  it("leaves the connection to its owner in the pauses, and looks after foreign keys in the chunks", async () => {
    using db = openConnection(":memory:");
    const schema = `${SCHEMA} CREATE TABLE c (t REFERENCES t ON DELETE CASCADE); INSERT INTO c SELECT id FROM t;`;
    const SETTINGS = ["foreign_keys", "busy_timeout", "wal_autocheckpoint"];
    const settings = (): string =>
      SETTINGS.map((name) => String(db.readOnce(`PRAGMA ${name}`)[0]?.[0])).join(" ");
    const own = settings();
    const observed = new Set<unknown>();
    const up = batched({
      table: "t",
      firstRows: 10,
      run: (handle, { where }) => {
        handle.run(`DELETE FROM t WHERE ${where} AND id > 150`);
      },
    });
    await createAsyncMigrator({
      driver: createSqliteDriver(db),
      source: listOf(schema, up),
      onEvent: (event) => {
        if (event.type === "progress") observed.add(settings());
      },
    }).up();
    expect([...observed]).toEqual([own]);
    expect(settings()).toBe(own);
    expect(column(db, "SELECT max(t) FROM c")).toEqual([150]);
  });

  it("waits while another process is at it, and does nothing twice", () => {
    const { db, migrator, mend } = broken(150);
    expect(() => migrator.up()).toThrow();
    mend();
    const progress = readProgress(db);
    if (progress === null) throw new Error("nothing is unfinished");
    // Owned by a process that is alive: this one's parent.
    const owner = `${process.ppid} ${hostname()} x`;
    const told: unknown[] = [];
    let looks = 0;
    const waiting = migratorOver(db, listOf(SCHEMA, [countUntil(150, () => false), uncount]), {
      onEvent: (event) => {
        if (event.type === "waiting") {
          told.push(event.holder?.pid);
          db.transaction(() =>
            writeProgress(db, { ...progress, state: "running", owner, updatedAt: looks++ }),
          );
        }
      },
    });
    db.transaction(() =>
      writeProgress(db, { ...progress, state: "running", owner, updatedAt: Date.now() }),
    );
    expect(codeOf(() => db.transaction(() => clearProgress(db, 2)))).toBe("DATABASE_BUSY");
    waiting.up();
    expect(told).toEqual([process.ppid]);
    expect(state(db)).toEqual([[1, 1, ROWS]]);
  });

  it("is finished first when another process began it after the plan was made", () => {
    using folder = tempFolder();
    using db = openConnection(folder.at("x.db"));
    using other = openConnection(folder.at("x.db"));
    const source = listOf(SCHEMA, "CREATE TABLE later (x)", count());
    migratorOver(db, source).up({ target: 1 });
    const applied: number[] = [];
    const migrator = migratorOver(db, source, {
      guard: (steps) => {
        // Begun by a process that is gone, with the first ten rows done.
        if (readProgress(other) === null)
          other.transaction(() => {
            other.runOnce("UPDATE t SET n = 1 WHERE id <= 30");
            writeProgress(other, {
              version: 3,
              name: "m3",
              direction: "up",
              unit: "rows",
              state: "running",
              done: 10,
              total: ROWS,
              startedAt: Date.now(),
              updatedAt: Date.now(),
              checksum: null,
              doneSql: null,
              statement: null,
              error: null,
              cursor: '["30"]',
              workMs: 1,
              owner: `99999999 ${hostname()} x`,
              schemaHash: null,
              violations: null,
            });
          });
        return steps;
      },
      onEvent: (event) => {
        if (event.type === "applied") applied.push(event.step.version);
      },
    });
    migrator.up();
    expect(applied).toEqual([3, 2]);
    expect(state(db)).toEqual([[1, 1, ROWS]]);
  });

  it("is shown to the hazard guard with an empty chunk", () => {
    using db = openConnection(":memory:");
    const remove = batched({
      table: "t",
      run: (handle, { where }) => {
        handle.run(`DELETE FROM t WHERE ${where}`);
      },
    });
    const source = listOf(SCHEMA, remove);
    migratorOver(db, source).up({ target: 1 });
    const guarded = migratorOver(db, source, {
      guard: createHazardGuard(db, { withBackup: false }),
    });
    expect(errorOf(() => guarded.up())).toMatchObject({
      code: "MIGRATION_HAZARD",
      details: { kinds: ["DELETES_DATA"] },
    });
    const allowing = createHazardGuard(db, { allow: ["DELETES_DATA"], withBackup: false });
    migratorOver(db, source, { guard: allowing }).up();
    expect(column(db, "SELECT count(*) FROM t")).toEqual([0]);
  });

  it.each<[string, Partial<BatchedOptions>, string]>([
    [
      "a change of the schema",
      { run: (db) => db.exec("CREATE TABLE x (y)") },
      "MIGRATION_STATEMENT_FORBIDDEN",
    ],
    [
      "a transaction of its own",
      { run: (db) => db.exec("COMMIT") },
      "MIGRATION_TRANSACTION_CONTROL",
    ],
    [
      "rows for its own table",
      { run: (db) => db.exec("INSERT INTO t (n) VALUES (1)") },
      "MIGRATION_FAILED",
    ],
    ["a table that is not there", { table: "nope" }, "MIGRATION_FAILED"],
    ["a view", { table: "v" }, "MIGRATION_FAILED"],
    ["a promise", { run: () => Promise.resolve() as unknown as void }, "MIGRATION_ASYNC"],
  ])("refuses %s, and keeps nothing of it", (_, options, code) => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(
      db,
      listOf(`${SCHEMA} CREATE VIEW v AS SELECT 1`, count({ firstRows: ROWS, ...options })),
    );
    expect(codeOf(() => migrator.up())).toBe(code);
    expect(state(db)).toEqual([[0, 0, 0]]);
    expect(appliedVersions(db)).toEqual([1]);
  });

  it.each<[unknown, string]>([
    [null, "VALUE_INVALID"],
    [{ table: "t", run: () => undefined, chunk: 5 }, "OPTION_UNKNOWN"],
    [{ run: () => undefined }, "VALUE_INVALID"],
    [{ table: "t", run: async () => undefined }, "VALUE_INVALID"],
    [{ table: "t", run: () => undefined, firstRows: 0 }, "VALUE_INVALID"],
  ])("refuses the options %p", (options, code) => {
    expect(codeOf(() => batched(options as BatchedOptions))).toBe(code);
  });
});
