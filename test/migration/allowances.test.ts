import { describe, expect, it } from "bun:test";
import { allowancesOf } from "../../src/migration/allowances.ts";
import type { SqlBody } from "../../src/migration/migration.ts";
import { parseSqlFile, parseSqlHalf } from "../../src/migration/sections.ts";
import { checksumSql } from "../../src/engine/read-migration.ts";
import { errorOf } from "../support/error-of.ts";

const body = (sql: string): SqlBody => ({ kind: "sql", sql, file: "1.sql", firstLine: 1 });

describe("allowancesOf()", () => {
  it("reads comment lines of the section", () => {
    const sql = "-- migrate:allow DELETES_DATA\nDELETE FROM t;\n--migrate:allow CASCADES, REBUILDS";
    expect(allowancesOf(body(sql))).toEqual(["DELETES_DATA", "CASCADES", "REBUILDS"]);
  });

  it("takes neither strings nor the other section for one", () => {
    const { up, down } = parseSqlFile(
      "1.sql",
      "-- migrate:up\nSELECT '-- migrate:allow CASCADES';\n-- migrate:down\n-- migrate:allow DELETES_DATA\nSELECT 1;",
    );
    expect(allowancesOf(up)).toEqual([]);
    expect(allowancesOf(down as SqlBody)).toEqual(["DELETES_DATA"]);
  });

  it("is found in one half of a pair", () => {
    const { body: half } = parseSqlHalf("1.up.sql", "-- migrate:allow DROPS_TABLE\nDROP TABLE t;");
    expect(allowancesOf(half)).toEqual(["DROPS_TABLE"]);
  });

  it.each(["-- migrate:allow DELETE_DATA", "-- migrate:allow", "-- migrate:allowed CASCADES"])(
    "refuses %s with its line, instead of allowing nothing in silence",
    (line) => {
      const error = errorOf(() => parseSqlFile("1.sql", `-- migrate:up\n${line}\nSELECT 1;`));
      expect(error.code).toBe("MIGRATION_SECTION_INVALID");
      expect(error.details["position"]).toMatchObject({ file: "1.sql", line: 2 });
    },
  );

  it("may be added to an applied migration: it is no edit", () => {
    expect(checksumSql("-- migrate:allow CASCADES\nDROP TABLE t;")).toBe(
      checksumSql("DROP TABLE t;"),
    );
  });
});
