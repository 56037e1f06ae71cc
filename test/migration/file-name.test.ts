import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import { parseFileName } from "../../src/migration/file-name.ts";

describe("parseFileName()", () => {
  it.each([
    ["001_create_users.sql", 1, "create_users", "sql"],
    ["1-create-users.sql", 1, "create-users", "sql"],
    ["20260101120000_create_users.sql", 20_260_101_120_000, "create_users", "sql"],
    ["002_add.v2.sql", 2, "add.v2", "sql"],
    ["003_a.up.sql", 3, "a", "up"],
    ["003_a.down.sql", 3, "a", "down"],
    ["004_a.ts", 4, "a", "module"],
    ["004_a.js", 4, "a", "module"],
    ["004_a.mts", 4, "a", "module"],
    ["004_a.mjs", 4, "a", "module"],
    ["004_a.cts", 4, "a", "module"],
    ["004_a.cjs", 4, "a", "module"],
    ["005_größe.sql", 5, "größe", "sql"],
    ["005_gro\u0308ße.sql", 5, "gro\u0308ße", "sql"],
    ["006_two words.sql", 6, "two words", "sql"],
  ] as const)("reads %p", (fileName, version, name, kind) => {
    expect(parseFileName(fileName)).toEqual({ is: "migration", file: { version, name, kind } });
  });

  it.each([
    "README.md",
    ".DS_Store",
    "._001_a.sql",
    "001_a.sql~",
    "helpers.ts",
    "types.d.ts",
    "001_types.d.ts",
    "001_a.test.ts",
    "001_a.spec.mjs",
    "index.js",
    "001_notes.md",
    "Main.TS",
    "queries.sql",
  ])("leaves %p alone", (fileName) => {
    expect(parseFileName(fileName).is).toBe("other");
  });

  it.each([
    ["create_users.sql", "version"],
    ["V1__create_users.sql", "version"],
    ["001.sql", "followed by"],
    ["001create.sql", "followed by"],
    ["001 create.sql", "followed by"],
    ["001_.sql", "name is empty"],
    ["001_;rm.sql", "name is empty"],
    ["001_../x.sql", "name is empty"],
    ["001_\u202Ex.sql", "name is empty"],
    ["000_nothing.sql", "version 0"],
    ["1234567890123456_a.sql", "15 digits"],
    ["001_a.SQL", ".SQL"],
    ["001_a.Sql", ".Sql"],
    ["001_a.TS", ".TS"],
    ["001_a.UP.sql", "lower case"],
    ["001_a.Down.sql", "lower case"],
    ["001.ts", "followed by"],
  ])("never skips %p in silence", (fileName, reason) => {
    const verdict = parseFileName(fileName);
    expect(verdict.is === "malformed" && verdict.reason).toContain(reason);
  });

  it("calls nothing that ends in .sql, in any case, something else", () => {
    const stem = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => !text.startsWith("."));
    fc.assert(
      fc.property(stem, fc.constantFrom(".sql", ".SQL", ".sQl"), (text, ending) => {
        expect(parseFileName(`${text}${ending}`).is).not.toBe("other");
      }),
    );
  });
});
