import { readFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { ERROR_CATALOGUE } from "../src/error-catalogue.ts";
import {
  describeKind,
  InputError,
  MigrationError,
  OperationError,
  refuseValue,
  UsageDbError,
} from "../src/errors.ts";
import { errorOf } from "./support/error-of.ts";

const document = readFileSync(`${import.meta.dir}/../docs/ERRORS.md`, "utf8");

/** The exit codes of the design, and 128 + SIGINT. */
const EXIT_CODES: readonly number[] = [0, 1, 2, 3, 4, 5, 130];

/** The cells of the tables' rows whose first cell is a code. */
function documentedRows(): string[][] {
  return document
    .split("\n")
    .filter((line) => /^\| `[A-Z_]+` *\|/.test(line))
    .map((line) =>
      line
        .trim()
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

describe("docs/ERRORS.md", () => {
  it("lists every code of the catalogue, in its order and in its words", () => {
    const catalogue = Object.entries(ERROR_CATALOGUE).map(([code, entry]) => [
      `\`${code}\``,
      entry.audience,
      String(entry.exitCode),
      entry.meaning,
      entry.fix,
    ]);
    expect(documentedRows()).toEqual(catalogue);
  });

  it("explains every exit code that an error leads to", () => {
    const used = new Set(Object.values(ERROR_CATALOGUE).map(({ exitCode }) => exitCode));
    for (const code of used) expect(document).toMatch(new RegExp(`^\\| ${code} *\\| \\w`, "m"));
  });
});

describe("ERROR_CATALOGUE", () => {
  it("uses the design's exit codes only, and never 0", () => {
    for (const [code, { exitCode }] of Object.entries(ERROR_CATALOGUE)) {
      expect({ code, isKnown: EXIT_CODES.includes(exitCode) && exitCode > 0 }).toEqual({
        code,
        isKnown: true,
      });
    }
  });

  it("has a meaning and a fix of one sentence or more for every code", () => {
    for (const [code, { meaning, fix }] of Object.entries(ERROR_CATALOGUE)) {
      expect({ code, meaning }).toEqual({ code, meaning: expect.stringMatching(/^\S.*\.$/) });
      expect({ code, fix }).toEqual({ code, fix: expect.stringMatching(/^\S.*\.$/) });
    }
  });

  it("is frozen", () => {
    expect(Object.isFrozen(ERROR_CATALOGUE)).toBe(true);
  });
});

describe("UsageDbError", () => {
  it("takes hint, audience and exit code from the catalogue", () => {
    const error = new UsageDbError("DATABASE_BUSY", "Cannot write");
    const { hint, audience, exitCode } = error;
    expect({ hint, audience, exitCode }).toEqual({
      hint: ERROR_CATALOGUE.DATABASE_BUSY.fix,
      audience: "operator",
      exitCode: 4,
    });
  });

  it("prefers the hint it was given", () => {
    expect(new UsageDbError("SQL_FAILED", "Cannot write", { hint: "Try again." }).hint).toBe(
      "Try again.",
    );
  });

  it("has empty details and no cause when none were given", () => {
    const error = new UsageDbError("SQL_FAILED", "Cannot write");
    expect(error.details).toEqual({});
    expect("cause" in error).toBe(false);
  });

  it("becomes JSON with code, message, hint and details and nothing else", () => {
    const error = new MigrationError("MIGRATION_FAILED", "Cannot apply 001_x", {
      details: { version: 1 },
      cause: new Error("secret"),
    });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: "MIGRATION_FAILED",
      message: "Cannot apply 001_x",
      hint: ERROR_CATALOGUE.MIGRATION_FAILED.fix,
      details: { version: 1 },
    });
  });

  it.each([UsageDbError, InputError, MigrationError, OperationError])(
    "keeps class, code, message, hint and cause when %p gets more details",
    (Class) => {
      const cause = new Error("below");
      const error = new Class("DATABASE_IO", "Cannot read", {
        details: { path: "a", line: 1 },
        hint: "Look.",
        cause,
      });
      const richer = error.withDetails({ line: 2, more: true });
      expect(richer).toBeInstanceOf(Class);
      expect({ ...richer.toJSON(), name: richer.name, cause: richer.cause }).toEqual({
        code: "DATABASE_IO",
        message: "Cannot read",
        hint: "Look.",
        details: { path: "a", line: 2, more: true },
        name: error.name,
        cause,
      });
      expect(error.details).toEqual({ path: "a", line: 1 });
    },
  );

  it("has no cause after withDetails when it had none before", () => {
    expect("cause" in new UsageDbError("SQL_FAILED", "Cannot").withDetails({ a: 1 })).toBe(false);
  });
});

describe("refuseValue()", () => {
  it("names the field and the range but not the value", () => {
    const error = errorOf(() => refuseValue("limit", "a string", "an integer from 1 to 100"));
    expect(error).toBeInstanceOf(InputError);
    expect(error.toJSON()).toEqual({
      code: "VALUE_INVALID",
      message: "Cannot use limit: it is a string, expected an integer from 1 to 100",
      hint: "Pass an integer from 1 to 100 for limit.",
      details: { field: "limit", observed: "a string", expected: "an integer from 1 to 100" },
    });
  });
});

describe("describeKind()", () => {
  it.each([
    [null, "null"],
    [undefined, "undefined"],
    ["", "an empty string"],
    ["password", "a string"],
    [5, "a number"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
    [true, "a boolean"],
    [[1], "an array"],
    [{}, "an object"],
    [5n, "a bigint"],
    [() => 1, "a function"],
    [Symbol("x"), "a symbol"],
  ])("calls %p %s", (value, kind) => {
    expect(describeKind(value)).toBe(kind);
  });
});
