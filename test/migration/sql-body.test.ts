import { describe, expect, it } from "bun:test";
import { parseSqlFile } from "../../src/migration/sections.ts";
import { positionIn, statementsOf, storedBody } from "../../src/migration/sql-body.ts";

describe("positionIn()", () => {
  it("counts lines in the file, not in the section", () => {
    const { down } = parseSqlFile(
      "001_a.sql",
      "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n  SELECT 3;\n",
    );
    const third = down && statementsOf(down)[1];
    expect(down && third && positionIn(down, third.start)).toEqual({
      file: "001_a.sql",
      line: 5,
      column: 3,
      sourceLine: "  SELECT 3;",
    });
  });
});

describe("storedBody()", () => {
  it.each([
    ["-- migrate:down transaction:false\nVACUUM", false],
    ["-- a remark\n\n/* another */ -- +goose NO TRANSACTION\nVACUUM", false],
    ["SELECT 1; -- migrate:down transaction:false", undefined],
    ["-- migrate:down\nSELECT 1", undefined],
    ["", undefined],
  ])("reads from the text whether it runs in a transaction: %j", (sql, isTransactional) => {
    expect(storedBody("ledger", sql).isTransactional).toBe(isTransactional);
  });
});
