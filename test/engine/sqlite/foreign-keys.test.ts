import { describe, expect, it } from "bun:test";
import {
  baselineOf,
  deleteOrphans,
  readViolations,
} from "../../../src/engine/sqlite/foreign-keys.ts";
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
  return { connection, orphan: (...tables) => deleteOrphans(connection, tables, baseline) };
}

describe("deleteOrphans()", () => {
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
});
