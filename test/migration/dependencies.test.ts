import { describe, expect, it } from "bun:test";
import { checksumSql, pairMigration, sqlMigration } from "../../src/engine/read-migration.ts";
import { checkDependencies } from "../../src/migration/dependencies.ts";
import type { Migration } from "../../src/migration/migration.ts";
import { errorOf } from "../support/error-of.ts";
import { sketchMigration } from "../support/ledger-rows.ts";

const read = (text: string): Migration => sqlMigration(5, "m", "m/005_m.sql", text);

describe("`-- migrate:depends`", () => {
  it.each([
    ["in the up section", "-- migrate:up\n-- migrate:depends 003\nSELECT 1;", [[3, 2]]],
    [
      "before it",
      "-- a note\n-- migrate:depends 1, 3\n-- migrate:up\nSELECT 1;",
      [
        [1, 2],
        [3, 2],
      ],
    ],
    [
      "in plain SQL",
      "SELECT 1;\n\n-- migrate:depends 2\n--migrate:depends: 004",
      [
        [2, 3],
        [4, 4],
      ],
    ],
  ])("is read %s, with its line", (_, text, expected) => {
    expect(read(text).dependsOn).toEqual(
      expected.map(([version, line]) => ({ version, line, file: "m/005_m.sql" }) as never),
    );
  });

  it("is read in the up half of a pair", () => {
    const up = { file: "5_m.up.sql", text: "\n-- migrate:depends 3\nSELECT 1;" };
    expect(pairMigration(5, "m", up, null).dependsOn).toEqual([
      { version: 3, line: 2, file: "5_m.up.sql" },
    ]);
  });

  it("is not found inside a string", () => {
    expect(read("SELECT '-- migrate:depends 3';").dependsOn).toBeUndefined();
  });

  it.each([
    ["no version", "-- migrate:up\n-- migrate:depends\nSELECT 1;", 2],
    ["a name", "-- migrate:up\n-- migrate:depends 003_users\nSELECT 1;", 2],
    ["version 0", "-- migrate:depends 0\n-- migrate:up\nSELECT 1;", 1],
    ["a slip of the finger", "-- migrate:depend 003\n-- migrate:up\nSELECT 1;", 1],
    ["a down section", "-- migrate:up\nSELECT 1;\n-- migrate:down\n-- migrate:depends 3", 4],
  ])("is refused for %s, with its line", (_, text, line) => {
    const error = errorOf(() => read(text));
    expect(error.code).toBe("MIGRATION_SECTION_INVALID");
    expect(error.details["position"]).toMatchObject({ file: "m/005_m.sql", line });
  });

  it("is refused in the down half of a pair", () => {
    const up = { file: "5_m.up.sql", text: "SELECT 1;" };
    const down = { file: "5_m.down.sql", text: "SELECT 1;\n-- migrate:depends 3" };
    const error = errorOf(() => pairMigration(5, "m", up, down));
    expect(error.details["position"]).toMatchObject({ file: "5_m.down.sql", line: 2 });
  });

  it("may be added to an applied migration: it is no edit", () => {
    expect(checksumSql("-- migrate:depends 3\nDROP TABLE t;")).toBe(checksumSql("DROP TABLE t;"));
  });
});

describe("checkDependencies()", () => {
  const withDependency = (version: number, on: number): Migration => ({
    ...sketchMigration(version),
    dependsOn: [{ version: on, file: "m/x.sql", line: 7 }],
  });

  it("gives back what it was given when every dependency is an earlier version", () => {
    const migrations = [sketchMigration(1), withDependency(2, 1), withDependency(5, 2)];
    expect(checkDependencies(migrations)).toBe(migrations);
  });

  it.each([
    ["its own version", 2, "that is its own version"],
    ["a later version", 3, "that version is applied after it"],
    ["a version that nobody has", 1, "no migration has that version"],
  ])("refuses %s, naming file and line", (_, on, words) => {
    const error = errorOf(() => checkDependencies([withDependency(2, on), sketchMigration(3)]));
    expect(error.code).toBe("MIGRATION_DEPENDENCY_INVALID");
    expect(error.message).toContain("m/x.sql:7");
    expect(error.message).toContain(words);
  });
});
