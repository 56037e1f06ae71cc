import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "bun:test";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { safetyBackup } from "../../../src/engine/sqlite/safety-backup.ts";
import { errorOf } from "../../support/error-of.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const NOON = Date.UTC(2026, 1, 12, 12);

describe("safetyBackup()", () => {
  it("puts time and version into the name, beside the database, with its hash", () => {
    using folder = tempFolder();
    using connection = openConnection(folder.at("app.db"));
    connection.runOnce("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
    const backup = safetyBackup(connection, { fromVersion: 7, now: () => NOON });
    expect(backup).toMatchObject({
      path: folder.at("app.db.20260212T120000000Z-v7.backup"),
      rows: { t: 2 },
      pruned: [],
    });
    expect(existsSync(`${String(backup?.path)}.sha256`)).toBe(true);
  });

  it("keeps the newest five of its own and touches no other file", () => {
    using folder = tempFolder();
    using connection = openConnection(folder.at("app.db"));
    const others = ["app.db.20200101T000000Z.backup", "other.db.20200101T000000000Z-v1.backup"];
    for (const name of others) writeFileSync(folder.at(name), "");
    const made = [];
    for (let i = 0; i < 8; i++)
      made.push(safetyBackup(connection, { fromVersion: i, now: () => NOON + i })?.path ?? "");
    const left = readdirSync(folder.path).filter((name) => name.endsWith(".backup"));
    expect(left.sort()).toEqual([...made.slice(3).map((path) => basename(path)), ...others].sort());
    expect(readdirSync(folder.path).filter((name) => name.endsWith(".sha256"))).toHaveLength(5);
  });

  it("never prunes the one just made, even when the clock went back", () => {
    using folder = tempFolder();
    using connection = openConnection(folder.at("app.db"));
    for (let i = 0; i < 5; i++) safetyBackup(connection, { fromVersion: 1, now: () => NOON + i });
    const backup = safetyBackup(connection, { fromVersion: 1, now: () => NOON - 86_400_000 });
    expect(existsSync(String(backup?.path))).toBe(true);
  });

  it("gives two backups of one millisecond a name each", () => {
    using folder = tempFolder();
    using connection = openConnection(folder.at("app.db"));
    const paths = [0, 1].map(
      () => safetyBackup(connection, { fromVersion: 1, now: () => NOON })?.path,
    );
    expect(new Set(paths).size).toBe(2);
  });

  it("refuses before it writes when the disk has no room", () => {
    using folder = tempFolder();
    using connection = openConnection(folder.at("app.db"));
    connection.runOnce("CREATE TABLE t (a)");
    const error = errorOf(() =>
      safetyBackup(connection, { fromVersion: 1, now: () => NOON, freeBytes: () => 8191 }),
    );
    expect(error.code).toBe("DATABASE_FULL");
    expect(error.details).toMatchObject({ freeBytes: 8191, neededBytes: 12_288 });
    expect(readdirSync(folder.path).filter((name) => name.includes("backup"))).toEqual([]);
  });

  it("has nothing to do in memory", () => {
    using connection = openConnection(":memory:");
    expect(safetyBackup(connection, { fromVersion: 1, now: () => NOON })).toBeNull();
  });
});
