import { describe, expect, it } from "bun:test";
import { registeredSource } from "../../src/engine/registered.ts";
import type { RegisteredMigration } from "../../src/migration/migration.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { codeOf } from "../support/error-of.ts";
import { appliedVersions, migratorOver, objectNames } from "../support/migrating.ts";

describe("registeredSource()", () => {
  it("takes migrations as the seed documents write them, in any order", () => {
    using db = openConnection(":memory:");
    const migrations: RegisteredMigration[] = [];
    migrations.push({
      version: 2,
      name: "add_user_preferences",
      up: (access) => {
        access.exec("CREATE TABLE user_preferences (id INTEGER PRIMARY KEY, theme TEXT);");
      },
      down: (access) => {
        access.exec("DROP TABLE user_preferences");
      },
    });
    migrations.push({
      version: 1,
      name: "create_users",
      up: "CREATE TABLE users (id)",
      down: "DROP TABLE users",
    });
    const migrator = migratorOver(db, registeredSource(migrations));
    expect(migrator.up().steps.map(({ name }) => name)).toEqual([
      "create_users",
      "add_user_preferences",
    ]);
    expect(objectNames(db)).toEqual(["user_preferences", "users"]);
    expect(migrator.up().steps).toEqual([]);
    migrator.rollback({ target: 0 });
    expect(objectNames(db)).toEqual([]);
    expect(appliedVersions(db)).toEqual([]);
  });

  it.each([
    ["a version that is no integer", [{ version: 1.5, name: "a", up: "" }], "VALUE_INVALID"],
    ["version 0", [{ version: 0, name: "a", up: "" }], "VALUE_INVALID"],
    ["a version in a string", [{ version: "1", name: "a", up: "" }], "VALUE_INVALID"],
    ["a version of 16 digits", [{ version: 1e15, name: "a", up: "" }], "VALUE_INVALID"],
    ["an empty name", [{ version: 1, name: "", up: "" }], "VALUE_INVALID"],
    ["no name", [{ version: 1, up: "" }], "VALUE_INVALID"],
    ["nothing", [null], "VALUE_INVALID"],
    ["a misspelt down", [{ version: 1, name: "a", up: "", dwon: "" }], "OPTION_UNKNOWN"],
    ["no up", [{ version: 1, name: "a" }], "MIGRATION_MODULE_INVALID"],
    [
      "one version twice",
      [
        { version: 1, name: "a", up: "" },
        { version: 1, name: "b", up: "" },
      ],
      "MIGRATION_VERSION_DUPLICATE",
    ],
    [
      "a COMMIT",
      [{ version: 1, name: "a", up: "SELECT 1; COMMIT" }],
      "MIGRATION_TRANSACTION_CONTROL",
    ],
    [
      "an unfinished down",
      [{ version: 1, name: "a", up: "", down: "SELECT '" }],
      "MIGRATION_SQL_UNTERMINATED",
    ],
    [
      "section markers",
      [{ version: 1, name: "a", up: "-- migrate:up\nSELECT 1" }],
      "MIGRATION_SECTION_INVALID",
    ],
  ])("refuses %s", (_, list, code) => {
    expect(codeOf(() => registeredSource(list as unknown as RegisteredMigration[]))).toBe(code);
  });

  it("has a stamp that changes with every text, and not with a comment in an up", () => {
    const stampOf = (up: string, down: string): string =>
      registeredSource([{ version: 1, name: "a", up, down }]).stamp().value;
    const before = stampOf("SELECT 1", "SELECT 2");
    expect(stampOf("SELECT 1 -- c", "SELECT 2")).toBe(before);
    expect(stampOf("SELECT 3", "SELECT 2")).not.toBe(before);
    expect(stampOf("SELECT 1", "SELECT 3")).not.toBe(before);
  });

  it("takes dependencies from the entry and from its SQL", () => {
    const list: RegisteredMigration[] = [
      { version: 1, name: "a", up: "SELECT 1" },
      { version: 2, name: "b", up: "SELECT 1" },
      { version: 3, name: "c", up: "-- migrate:depends 2\nSELECT 1", dependsOn: [1] },
    ];
    expect(registeredSource(list).load()[2]?.dependsOn).toEqual([
      { version: 1, file: "003_c", line: null },
      { version: 2, file: "003_c (up)", line: 1 },
    ]);
  });

  it.each([
    ["a later version", [2]],
    ["no list", 1],
    ["a version in a string", ["1"]],
  ])("refuses a dependency on %s", (_, dependsOn) => {
    const list = [
      { version: 1, name: "a", up: "", dependsOn },
      { version: 2, name: "b", up: "" },
    ];
    expect(codeOf(() => registeredSource(list as unknown as RegisteredMigration[]))).toBe(
      "MIGRATION_DEPENDENCY_INVALID",
    );
  });
});
