import { describe, expect, it } from "bun:test";
import { registeredSource } from "../../../src/engine/registered.ts";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { readHistory } from "../../../src/engine/sqlite/history.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { type Repair, repairLedger, repairsFor } from "../../../src/engine/sqlite/repair.ts";
import type { Migrator } from "../../../src/engine/migrator.ts";
import { codeOf } from "../../support/error-of.ts";
import { appliedVersions, migratorOver, pragma } from "../../support/migrating.ts";

const ONE = { version: 1, name: "one", up: "CREATE TABLE a (x INT)", down: "DROP TABLE a" };
const EDITED = { ...ONE, up: "CREATE TABLE a (x TEXT)", down: "DROP TABLE IF EXISTS a" };
const TWO = { version: 2, name: "two", up: "CREATE TABLE b (x)", down: "DROP TABLE b" };

const migratorOf = (db: Connection, ...list: (typeof ONE)[]): Migrator =>
  migratorOver(db, registeredSource(list));

function repair(db: Connection, migrator: Migrator, one: Pick<Repair, "kind" | "version">): void {
  repairLedger(db, one, {
    standings: () => migrator.status().standings,
    now: Date.now,
  });
}

describe("repairsFor()", () => {
  it("has none for a sound ledger", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOf(db, ONE);
    migrator.up();
    expect(repairsFor(migrator.status().standings)).toEqual([]);
    expect(repairsFor(migratorOf(db, ONE, TWO).status().standings)).toEqual([]);
  });

  it("offers to accept what was edited and to forget what has no file", () => {
    using db = openConnection(":memory:");
    migratorOf(db, ONE, TWO).up();
    expect(repairsFor(migratorOf(db, EDITED).status().standings)).toMatchObject([
      { kind: "accept", version: 1, writes: expect.stringContaining("up and down section") },
      { kind: "forget", version: 2, writes: expect.stringContaining("what it built stays") },
    ]);
  });
});

describe("repairLedger()", () => {
  it("takes over an edited text without running it, and the schema is compared with it from then on", () => {
    using db = openConnection(":memory:");
    migratorOf(db, ONE).up();
    const migrator = migratorOf(db, EDITED);
    expect(codeOf(() => migrator.up())).toBe("MIGRATION_EDITED");
    repair(db, migrator, { kind: "accept", version: 1 });
    expect(migrator.status().standings).toMatchObject([{ state: "applied" }]);
    expect(migrator.checkDrift()?.differences).toEqual([
      expect.stringContaining("table a lost: column x TEXT"),
      expect.stringContaining("table a gained: column x INT"),
    ]);
    expect(codeOf(() => migrator.rollback())).toBe("SCHEMA_DRIFTED");
    expect(readHistory(db).at(-1)).toMatchObject({ version: 1, action: "repair: accept" });
  });

  it("forgets a version without a file; what it built stays, and is told of", () => {
    using db = openConnection(":memory:");
    migratorOf(db, ONE, TWO).up();
    const migrator = migratorOf(db, ONE);
    repair(db, migrator, { kind: "forget", version: 2 });
    expect(appliedVersions(db)).toEqual([1]);
    expect(pragma(db, "user_version")).toBe(1);
    expect(migrator.checkDrift()?.differences).toEqual(["table b is new"]);
    expect(readHistory(db).map(({ version, action }) => [version, action])).toContainEqual([
      2,
      "up",
    ]);
  });

  it("refuses what is not called for, and writes nothing", () => {
    using db = openConnection(":memory:");
    const migrator = migratorOf(db, ONE);
    migrator.up();
    const before = readHistory(db);
    for (const one of [
      { kind: "accept", version: 1 },
      { kind: "forget", version: 1 },
      { kind: "forget", version: 9 },
    ] as const)
      expect(codeOf(() => repair(db, migrator, one))).toBe("REPAIR_NEEDLESS");
    expect(readHistory(db)).toEqual(before);
    expect(appliedVersions(db)).toEqual([1]);
  });
});
