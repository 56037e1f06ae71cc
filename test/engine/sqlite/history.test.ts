import { describe, expect, it } from "bun:test";
import { readHistory } from "../../../src/engine/sqlite/history.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { codeOf } from "../../support/error-of.ts";
import { listOf, migratorOver } from "../../support/migrating.ts";

const NOW = 1_700_000_000_000;

function clock(): () => number {
  let at = NOW;
  return () => at++;
}

describe("readHistory()", () => {
  it("has nothing of a database without a ledger", () => {
    using db = openConnection(":memory:");
    expect(readHistory(db)).toEqual([]);
  });

  it("tells what was applied, rolled back and applied again, in order, with who and by which version", () => {
    using db = openConnection(":memory:");
    const source = listOf(
      ["CREATE TABLE a (x)", "DROP TABLE a"],
      ["CREATE TABLE b (x)", "DROP TABLE b"],
    );
    const migrator = migratorOver(db, source, { now: clock(), actor: "ann@desk" });
    migrator.up();
    migrator.rollback({ target: 0 });
    migrator.up({ target: 1 });
    expect(
      readHistory(db).map(({ at, version, action, outcome, actor }) => [
        at - NOW,
        version,
        action,
        outcome,
        actor,
      ]),
    ).toEqual([
      [0, 1, "up", "done", "ann@desk"],
      [1, 2, "up", "done", "ann@desk"],
      [2, 2, "down", "done", "ann@desk"],
      [3, 1, "down", "done", "ann@desk"],
      [4, 1, "up", "done", "ann@desk"],
    ]);
    expect(readHistory(db).every(({ tool_version }) => /^\d+\.\d+\.\d+/.test(tool_version))).toBe(
      true,
    );
  });

  it("keeps failures, also the first one of an empty database, with the error", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOver(db, listOf("SELECT nope"), { now: clock() });
    expect(codeOf(() => migrator.up())).toBe("MIGRATION_FAILED");
    expect(readHistory(db)).toMatchObject([
      {
        at: NOW,
        version: 1,
        action: "up",
        outcome: "failed",
        detail: expect.stringMatching(
          /^MIGRATION_FAILED: Cannot apply 001_m1: no such column: nope/,
        ),
      },
    ]);
    expect(migrator.status()).toMatchObject({ currentVersion: 0, pendingCount: 1 });
    migratorOver(db, listOf("CREATE TABLE a (x)"), { now: clock() }).up();
    expect(readHistory(db).map(({ outcome }) => outcome)).toEqual(["failed", "done"]);
  });

  it("names the backup that a step was made after", () => {
    using db = openConnection(":memory:");
    const source = listOf(["CREATE TABLE a (x)", "DROP TABLE a"]);
    const guard = (steps: readonly object[]) =>
      steps.map((step) => ({ ...step, backupPath: "/backups/one" })) as never;
    const migrator = migratorOver(db, source, { guard });
    migrator.up();
    expect(readHistory(db).map(({ backup_path }) => backup_path)).toEqual(["/backups/one"]);
    migrator.rollback();
    expect(readHistory(db).map(({ action, backup_path }) => [action, backup_path])).toEqual([
      ["up", "/backups/one"],
      ["down", "/backups/one"],
    ]);
  });

  it("reads a ledger of usagedb 0.1, which is widened by the next write", () => {
    using db = openConnection(":memory:");
    db.runOnce(`CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
      applied_at INTEGER NOT NULL, checksum TEXT, execution_time_ms REAL NOT NULL, up_sql TEXT, down_sql TEXT,
      schema_hash TEXT NOT NULL, tool_version TEXT NOT NULL, source_stamp TEXT) STRICT`);
    db.runOnce("CREATE TABLE a (x)");
    const source = listOf(
      ["CREATE TABLE a (x)", "DROP TABLE a"],
      ["CREATE TABLE b (x)", "DROP TABLE b"],
    );
    const [first] = source.load();
    db.prepare(
      "INSERT INTO schema_migrations VALUES (1, 'm1', ?, ?, 1, ?, ?, 'x', '0.1.0', NULL)",
    ).run(NOW, first?.checksum ?? null, "CREATE TABLE a (x)", "DROP TABLE a");
    expect(readHistory(db)).toMatchObject([
      { at: NOW, version: 1, actor: null, backup_path: null },
    ]);
    const migrator = migratorOver(db, source, { actor: "ann@desk" });
    migrator.up();
    expect(readHistory(db).map(({ version, actor }) => [version, actor])).toEqual([
      [1, null],
      [2, "ann@desk"],
    ]);
    expect(migrator.checkDrift()).toEqual({ differences: [], unknown: null });
    migrator.rollback({ target: 0 });
    expect(migrator.status().currentVersion).toBe(0);
  });
});
