import { describe, expect, it } from "bun:test";
import { statementsOf, storedBody } from "../../src/migration/sql-body.ts";
import { checkStatement, runsAlone } from "../../src/migration/statement-rules.ts";

describe("checkStatement()", () => {
  it("lets an ordinary statement pass", () => {
    const body = { kind: "sql", sql: "DELETE FROM t", file: "f", firstLine: 1 } as const;
    const [statement] = statementsOf(body);
    expect(statement && checkStatement(body, statement)).toBeUndefined();
  });
});

describe("runsAlone()", () => {
  it("tells the statements that cannot be part of a transaction from the others", () => {
    const body = storedBody(
      "x",
      "VACUUM; pragma main.page_size=1; PRAGMA/**/journal_mode(off); PRAGMA page_size; PRAGMA foreign_keys = ON; SELECT 1",
    );
    expect(statementsOf(body).map(runsAlone)).toEqual([true, true, true, false, false, false]);
  });
});
