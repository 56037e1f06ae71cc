import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { InputError } from "../../../src/errors.ts";
import {
  operationalCode,
  toUsageDbError,
  isSqliteError,
} from "../../../src/engine/sqlite/sqlite-errors.ts";
import { codeOf } from "../../support/error-of.ts";
import { tempFolder } from "../../support/temp-folder.ts";

function sqliteErrorOf(...scripts: string[]): unknown {
  using db = new Database(":memory:");
  try {
    for (const script of scripts) db.run(script);
  } catch (error) {
    return error;
  }
  return null;
}

describe("toUsageDbError()", () => {
  it.each([
    ["CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1), (1)", "CONSTRAINT_VIOLATED", 2067],
    ["CREATE TABLE t (x NOT NULL); INSERT INTO t VALUES (NULL)", "CONSTRAINT_VIOLATED", 1299],
    ["CREATE TABLE t (x CHECK (x > 1)); INSERT INTO t VALUES (0)", "CONSTRAINT_VIOLATED", 275],
    ["CREATE TABLE t (x INT) STRICT; INSERT INTO t VALUES ('a')", "CONSTRAINT_VIOLATED", 3091],
    ["SELECT nope", "SQL_FAILED", 1],
    [
      "PRAGMA max_page_count = 2; CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x)",
      "DATABASE_FULL",
      13,
    ],
    ["CREATE TABLE t (x); PRAGMA query_only = 1; INSERT INTO t VALUES (1)", "DATABASE_READONLY", 8],
  ])("turns the failure of %p into %s", (script, code, sqliteErrno) => {
    const cause = sqliteErrorOf(script);
    const error = toUsageDbError(cause, "do it", { path: "x.db" });
    expect(error).toMatchObject({ code, cause, details: { path: "x.db", sqliteErrno } });
    expect(error.message).toStartWith("Cannot do it: ");
  });

  it.each([
    ["ENOSPC", "DATABASE_FULL"],
    ["EIO", "DATABASE_IO"],
    ["EROFS", "DATABASE_READONLY"],
    ["EMFILE", "DATABASE_CANNOT_OPEN"],
  ])("maps what the file system refused with %s to %s", (code, expected) => {
    const error = Object.assign(new Error(`${code}: no, mkdir '/x'`), { code, syscall: "mkdir" });
    expect(toUsageDbError(error, "make a folder").code).toBe(expected as "DATABASE_FULL");
  });

  it("calls a header of a format that SQLite does not know damage", () => {
    using folder = tempFolder();
    const path = folder.at("x.db");
    using db = new Database(path);
    db.run("CREATE TABLE t (x)");
    db.close(true);
    const bytes = readFileSync(path);
    bytes.writeUInt32BE(99, 44);
    writeFileSync(path, bytes);
    expect(codeOf(() => openConnection(path, { mode: "read" }))).toBe("DATABASE_CORRUPT");
  });

  it("lets typed errors pass and names a closed database", () => {
    const typed = new InputError("VALUE_INVALID", "no");
    expect(toUsageDbError(typed, "do it")).toBe(typed);
    expect(toUsageDbError(new RangeError("Cannot use a closed database"), "do it").code).toBe(
      "DATABASE_CLOSED",
    );
    expect(toUsageDbError("words", "do it")).toMatchObject({
      code: "SQL_FAILED",
      message: "Cannot do it: words",
    });
  });
});

describe("operationalCode()", () => {
  it("blames the environment, never for a constraint or a wrong statement", () => {
    const codes = [
      "PRAGMA query_only = 1; CREATE TABLE t (x)",
      "SELECT nope",
      "CREATE TABLE t (x NOT NULL); INSERT INTO t VALUES (NULL)",
    ]
      .map((script) => sqliteErrorOf(script))
      .map((error) =>
        isSqliteError(error) ? (operationalCode(error) ?? null) : "no SQLite error",
      );
    expect(codes).toEqual(["DATABASE_READONLY", null, null]);
  });
});
