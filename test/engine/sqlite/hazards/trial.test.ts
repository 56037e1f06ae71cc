import { describe, expect, it } from "bun:test";
import { analysePlan } from "../../../../src/engine/sqlite/hazards/index.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import type { StepEstimate } from "../../../../src/migration/hazard.ts";
import { planUp } from "../../../../src/migration/plan.ts";
import { listOf, type Sketch } from "../../../support/migrating.ts";

const ROWS = 30_000;

function estimatesOf(...sketches: Sketch[]): (StepEstimate | null)[] {
  using connection = openConnection(":memory:");
  connection.runOnce(`
    CREATE TABLE big (id INTEGER PRIMARY KEY, a);
    CREATE TABLE small (a PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE watched (a);
    CREATE TABLE echo (a);
    CREATE TRIGGER w AFTER UPDATE ON watched BEGIN INSERT INTO echo VALUES (1); END;
    INSERT INTO big WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
      SELECT i * 7, i FROM n;
    INSERT INTO small VALUES (1), (2);
    INSERT INTO watched VALUES (1);`);
  const plan = planUp(listOf(...sketches).load(), []);
  const { steps } = analysePlan(connection, plan, { withEstimates: true });
  expect(connection.readOnce("SELECT count(*), sum(a) FROM big")).toEqual([
    [ROWS, (ROWS * (ROWS + 1)) / 2],
  ]);
  return steps.map(({ estimate }) => estimate);
}

describe("analysePlan() on the time that steps take", () => {
  it("tries a part of a large table and all of a small one", () => {
    const [large, small] = estimatesOf("UPDATE big SET a = 0", "UPDATE small SET a = a + 2");
    expect(large).toMatchObject({ rows: ROWS, triedRows: 20_000 });
    expect(large?.timeMs).toBeGreaterThan(0);
    expect(small).toMatchObject({ rows: 2, triedRows: 2 });
  });

  it("knows how many rows a copy gets, under the name that it takes", () => {
    const rebuild = `CREATE TABLE n (id INTEGER PRIMARY KEY, a); INSERT INTO n SELECT * FROM big;
      DROP TABLE big; ALTER TABLE n RENAME TO big`;
    const [first, second] = estimatesOf(rebuild, "CREATE INDEX i ON big (a)");
    expect([first?.rows, second?.rows]).toEqual([ROWS, ROWS]);
  });

  it.each(["ALTER TABLE big ADD COLUMN z", "ALTER TABLE big RENAME a TO b", "CREATE TABLE n (a)"])(
    "multiplies nothing for %s, which only writes the schema",
    (sql) => {
      expect(estimatesOf(sql)).toEqual([{ timeMs: expect.any(Number), rows: 0, triedRows: 0 }]);
    },
  );

  it.each([
    [
      "compares rows with rows",
      "UPDATE big SET a = (SELECT max(b.a) FROM big AS b WHERE b.a < big.a)",
    ],
    ["leads on by a trigger", "UPDATE watched SET a = 2"],
    ["fails on the rows", "CREATE UNIQUE INDEX i ON watched (a); INSERT INTO small VALUES (1)"],
    ["does not compile", "DROP TABLE nowhere"],
  ])("says nothing of what %s, nor of what comes after it on the same table", (_, sql) => {
    const table = /watched|big/.exec(sql)?.[0] ?? "big";
    const [first, second] = estimatesOf(sql, `DELETE FROM ${table}`);
    expect(first).toBeNull();
    if (sql.startsWith("UPDATE") || sql.startsWith("DROP")) expect(second).toBeNull();
  });

  it("says nothing of a function, nor of what comes after it", () => {
    expect(estimatesOf("DELETE FROM small", () => undefined, "DELETE FROM big")).toEqual([
      expect.objectContaining({ rows: 2 }),
      null,
      null,
    ]);
  });

  it("asks no time of anybody who did not want to know", () => {
    using connection = openConnection(":memory:");
    const plan = planUp(listOf("CREATE TABLE a (x)").load(), []);
    expect(analysePlan(connection, plan).steps[0]?.estimate).toBeNull();
  });
});
