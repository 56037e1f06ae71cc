import { describe, expect, it } from "bun:test";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import { analysePlan } from "../../../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { isGrave } from "../../../../src/migration/hazard.ts";
import { planUp } from "../../../../src/migration/plan.ts";
import { listOf } from "../../../support/migrating.ts";

function database(): Connection {
  const connection = openConnection(":memory:");
  connection.runOnce(`
    CREATE TABLE kind (id INTEGER PRIMARY KEY, code TEXT UNIQUE COLLATE NOCASE, note);
    CREATE TABLE item (id INTEGER PRIMARY KEY, kind_id REFERENCES kind (id) ON DELETE CASCADE, n);
    CREATE TABLE pair (a, b, n, PRIMARY KEY (a, b)) WITHOUT ROWID;
    CREATE TABLE last (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, n);
    CREATE INDEX by_kind ON item (kind_id);
    INSERT INTO kind VALUES (1, 'a', 'x'), (2, 'b', NULL), (3, 'c', 'z');
    INSERT INTO item VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3), (4, NULL, NULL);
    INSERT INTO pair VALUES (1, 1, 1), (1, 2, 2);
    INSERT INTO last VALUES (1, 1), (2, 2);`);
  return connection;
}

/** `KIND table rows: message`, an exclamation mark for what is refused. */
function hazardsOf(sql: string): string[] {
  using connection = database();
  const [step] = analysePlan(connection, planUp(listOf(sql).load(), [])).steps;
  expect(step?.notAnalysed).toEqual([]);
  return (step?.hazards ?? [])
    .filter(({ kind }) => kind !== "IRREVERSIBLE" && kind !== "FULL_SCAN_WRITE")
    .map((hazard) => `${isGrave(hazard) ? "!" : ""}${hazard.kind} ${hazard.message}`);
}

describe("analysePlan() on rows that are deleted", () => {
  it.each([
    ["DELETE FROM item WHERE n > 1", ["!DELETES_DATA deletes 2 of 4 row(s) of item"]],
    [
      "DELETE FROM item AS i WHERE i.n = (SELECT max(n) FROM item)",
      ["!DELETES_DATA deletes 1 of 4 row(s) of item"],
    ],
    [
      "WITH few AS (SELECT 1 AS one) DELETE FROM item WHERE n IN (SELECT one FROM few) RETURNING n",
      ["!DELETES_DATA deletes 1 of 4 row(s) of item"],
    ],
    ["DELETE FROM item WHERE rowid = 1", ["!DELETES_DATA deletes 1 of 4 row(s) of item"]],
    [
      "ALTER TABLE item RENAME TO thing; DELETE FROM thing WHERE n > 1",
      ["!DELETES_DATA deletes 2 of 4 row(s) of thing"],
    ],
    [
      "DELETE FROM item WHERE n > 1; DELETE FROM item WHERE n < 9",
      [
        "!DELETES_DATA deletes 2 of 4 row(s) of item",
        "!DELETES_DATA deletes 1 of 4 row(s) of item",
      ],
    ],
    [
      "WITH item AS (SELECT 1 AS n WHERE 0) DELETE FROM item WHERE n > 1",
      ["!DELETES_DATA deletes rows of item, up to all 4"],
    ],
    [
      "DELETE FROM item WHERE n > unixepoch() + 1",
      ["!DELETES_DATA deletes rows of item, up to all 4"],
    ],
    [
      "DELETE FROM item WHERE n IS NOT DISTINCT FROM 9",
      ["!DELETES_DATA deletes rows of item, up to all 4"],
    ],
    [
      "CREATE TABLE ids AS SELECT id, kind_id FROM item; DELETE FROM item WHERE n > 1",
      ["!DELETES_DATA deletes 2 of 3 row(s) of item with values of n that are nowhere else"],
    ],
    ["CREATE TABLE kept AS SELECT * FROM item; DELETE FROM item WHERE n > 1", []],
    ["DELETE FROM item WHERE n > 99", []],
    ["DELETE FROM kind WHERE id > 99", []],
    [
      "DELETE FROM item WHERE n > abs(random() % 2)",
      ["!DELETES_DATA deletes rows of item, up to all 4"],
    ],
  ])("counts %s", (sql, expected) => {
    expect(hazardsOf(sql)).toEqual(expected);
  });
});

describe("analysePlan() on values that are written over", () => {
  it.each([
    ["UPDATE item SET n = 0", ["OVERWRITES writes over values of item.n in 3 row(s)"]],
    [
      "UPDATE item AS i SET n = 0, kind_id = 1 WHERE i.id > 2",
      ["OVERWRITES writes over values of item.n, item.kind_id in 1 row(s)"],
    ],
    [
      "UPDATE item SET n = kind.note FROM kind WHERE kind.id >= item.kind_id AND n IS NOT NULL",
      ["OVERWRITES writes over values of item.n in 3 row(s)"],
    ],
    ["UPDATE item SET n = 0 WHERE n IS NULL", []],
    ["ALTER TABLE item ADD COLUMN m; UPDATE item SET m = n", []],
    [
      "ALTER TABLE item RENAME n TO m; UPDATE item SET m = 0",
      ["OVERWRITES writes over values of item.m in 3 row(s)"],
    ],
    [
      "INSERT INTO kind VALUES (2, 'q', 1), (9, 'r', 1) ON CONFLICT DO UPDATE SET note = 1",
      ["OVERWRITES writes over 1 row(s) of kind"],
    ],
    ["INSERT INTO kind VALUES (9, 'r', 1) ON CONFLICT DO UPDATE SET note = 1", []],
    ["INSERT INTO kind VALUES (1, 'a', 1) ON CONFLICT DO NOTHING", []],
    [
      "INSERT OR REPLACE INTO pair SELECT a, b + 1, n FROM pair",
      ["OVERWRITES replaces 1 row(s) of pair"],
    ],
    ["REPLACE INTO last VALUES (2, 1)", ["OVERWRITES replaces 1 row(s) of last"]],
    ["INSERT INTO last VALUES (2, 1)", ["OVERWRITES replaces 1 row(s) of last"]],
  ])("counts %s, and refuses nothing", (sql, expected) => {
    expect(hazardsOf(sql)).toEqual(expected);
  });

  it("refuses a REPLACE that takes children along, and none that meets nobody", () => {
    expect(hazardsOf("REPLACE INTO kind VALUES (9, 'A', 1)")).toEqual([
      "OVERWRITES replaces 1 row(s) of kind",
      "!CASCADES takes rows of item with the 1 row(s) of kind that are replaced, up to all 4",
    ]);
    expect(hazardsOf("REPLACE INTO kind VALUES (9, 'Q', 1)")).toEqual([]);
  });

  it("refuses an UPDATE that deletes what is in its way", () => {
    expect(hazardsOf("UPDATE OR REPLACE pair SET b = 1")).toEqual([
      "OVERWRITES writes over values of pair.b in 2 row(s)",
      "!DELETES_DATA deletes rows of pair that are in the way, up to 1 of 2",
    ]);
  });

  it("knows a full scan under another name", () => {
    using connection = database();
    const plan = planUp(listOf("UPDATE item AS i SET n = 0 WHERE i.n = 1").load(), []);
    expect(analysePlan(connection, plan).steps[0]?.hazards[0]?.kind).toBe("FULL_SCAN_WRITE");
  });
});
