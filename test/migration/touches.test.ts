import { describe, expect, it } from "bun:test";
import { checksumSql } from "../../src/engine/read-migration.ts";
import type { SqlBody } from "../../src/migration/migration.ts";
import { parseSqlFile, parseSqlHalf } from "../../src/migration/sections.ts";
import { touchesOf } from "../../src/migration/touches.ts";
import { errorOf } from "../support/error-of.ts";

const tables = (body: SqlBody): string[] | null => {
  const found = touchesOf(body);
  return found === null ? null : [...found];
};
const half = (sql: string): string[] | null => tables(parseSqlHalf("1.sql", sql).body);

describe("touchesOf()", () => {
  it.each([
    ["-- migrate:touches bars_cache", ["bars_cache"]],
    ["-- migrate:touches a, b\n--migrate : touches: C", ["a", "b", "c"]],
    ['-- migrate:touches "a b" [c,d] `e``f` -- the caches', ["a b", "c,d", "e`f"]],
  ])("reads %s", (line, expected) => {
    expect(half(`${line}\nSELECT 1;`)).toEqual(expected);
  });

  it("knows no limit where no comment sets one", () => {
    expect(half("SELECT '-- migrate:touches a'; -- it touches b")).toBeNull();
  });

  it("holds for its own section only", () => {
    const { up, down } = parseSqlFile(
      "1.sql",
      "-- migrate:up\n-- migrate:touches a\nSELECT 1;\n-- migrate:down\nSELECT 2;",
    );
    expect([tables(up), tables(down as SqlBody)]).toEqual([["a"], null]);
  });

  it.each([
    "-- migrate:touches",
    "-- migrate:touch a",
    "-- migrate touches a",
    "-- mirgate:touches a",
    "/* migrate:touches a */",
    "-- migrate:touches 'a'",
    "-- migrate:touches a(b)",
    "-- migrate:touchesa",
  ])("refuses %s with its line, instead of limiting nothing in silence", (line) => {
    const error = errorOf(() => parseSqlFile("1.sql", `-- migrate:up\n${line}\nSELECT 1;`));
    expect(error.code).toBe("MIGRATION_SECTION_INVALID");
    expect(error.details["position"]).toMatchObject({ file: "1.sql", line: 2 });
  });

  it("refuses a line before the sections, where it would limit neither", () => {
    expect(errorOf(() => parseSqlFile("1.sql", "-- migrate:touches a\n-- migrate:up\n")).code).toBe(
      "MIGRATION_SECTION_INVALID",
    );
  });

  it("may be added to an applied migration: it is no edit", () => {
    expect(checksumSql("-- migrate:touches t\nDROP TABLE t;")).toBe(checksumSql("DROP TABLE t;"));
  });
});
