import { describe, expect, it } from "bun:test";
import { carryOutCascades } from "../../../src/engine/sqlite/carry-out-cascades.ts";
import { baselineOf, readViolations } from "../../../src/engine/sqlite/foreign-keys.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { column } from "../../support/migrating.ts";

/** A parent that loses a row, and children of every kind; one of them was an orphan before. */
function family(): { connection: Connection; orphan: (...tables: string[]) => void } {
  const connection = openConnection(":memory:");
  connection.runOnce(`PRAGMA foreign_keys = OFF;
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE one (id INTEGER PRIMARY KEY, p REFERENCES parent (id) ON DELETE CASCADE);
    CREATE TABLE two (id INTEGER PRIMARY KEY, p REFERENCES parent (id) ON DELETE CASCADE);
    CREATE TABLE held (id INTEGER PRIMARY KEY, p REFERENCES parent (id));
    CREATE TABLE below (id INTEGER PRIMARY KEY, o REFERENCES one (id) ON DELETE CASCADE);
    INSERT INTO parent VALUES (1), (2);
    INSERT INTO one VALUES (1, 1), (2, 2), (3, NULL), (4, 99);
    INSERT INTO two VALUES (1, 1);
    INSERT INTO held VALUES (1, 1);
    INSERT INTO below VALUES (1, 1), (2, 2), (3, 3);`);
  const baseline = baselineOf(readViolations(connection));
  connection.runOnce("DELETE FROM parent WHERE id = 1");
  return { connection, orphan: (...tables) => carryOutCascades(connection, tables, baseline) };
}

describe("carryOutCascades()", () => {
  it("deletes as a cascade would, in the tables named only, and no orphan of old", () => {
    const { connection, orphan } = family();
    using _ = connection;
    orphan("ONE", "below");
    expect(column(connection, "SELECT id FROM one")).toEqual([2, 3, 4]);
    expect(column(connection, "SELECT id FROM below")).toEqual([2, 3]);
    expect(column(connection, "SELECT id FROM two")).toEqual([1]);
  });

  it("leaves rows whose key does not cascade, named or not", () => {
    const { connection, orphan } = family();
    using _ = connection;
    orphan("held");
    expect(column(connection, "SELECT id FROM held")).toEqual([1]);
  });

  it("comes to an end when a trigger keeps a row", () => {
    const { connection, orphan } = family();
    using _ = connection;
    connection.runOnce("CREATE TRIGGER keep BEFORE DELETE ON two BEGIN SELECT raise(IGNORE); END");
    orphan("two");
    expect(column(connection, "SELECT id FROM two")).toEqual([1]);
  });

  it("clears references, or gives them their default, where the key says so", () => {
    using connection = openConnection(":memory:");
    connection.runOnce(`PRAGMA foreign_keys = OFF;
      CREATE TABLE parent (a, b, PRIMARY KEY (a, b));
      CREATE TABLE nulled (id INTEGER PRIMARY KEY, a, b,
        FOREIGN KEY (a, b) REFERENCES parent ON DELETE SET NULL);
      CREATE TABLE reset (id INTEGER PRIMARY KEY, a DEFAULT 2, b DEFAULT (1 + 1),
        FOREIGN KEY (a, b) REFERENCES parent ON DELETE SET DEFAULT);
      CREATE TABLE lost (id INTEGER PRIMARY KEY, a DEFAULT 7, b DEFAULT 7,
        FOREIGN KEY (a, b) REFERENCES parent ON DELETE SET DEFAULT);
      CREATE TABLE bare (id PRIMARY KEY, a, b,
        FOREIGN KEY (a, b) REFERENCES parent (a, b) ON DELETE SET NULL) WITHOUT ROWID;
      INSERT INTO parent VALUES (1, 1), (2, 2);
      INSERT INTO nulled VALUES (1, 1, 1), (2, 2, 2), (3, 9, 9);
      INSERT INTO reset VALUES (1, 1, 1), (2, 2, 2);
      INSERT INTO lost VALUES (1, 1, 1);
      INSERT INTO bare VALUES ('x', 1, 1), ('y', 2, 2);`);
    const baseline = baselineOf(readViolations(connection));
    connection.runOnce("DELETE FROM parent WHERE a = 1");
    carryOutCascades(connection, ["nulled", "reset", "lost", "bare"], baseline);
    const rows = (table: string): unknown => connection.readOnce(`SELECT * FROM ${table}`);
    expect(rows("nulled")).toEqual([
      [1, null, null],
      [2, 2, 2],
      [3, 9, 9],
    ]);
    expect(rows("reset")).toEqual([
      [1, 2, 2],
      [2, 2, 2],
    ]);
    expect(rows("lost")).toEqual([[1, 7, 7]]);
    expect(rows("bare")).toEqual([
      ["x", null, null],
      ["y", 2, 2],
    ]);
  });
});
