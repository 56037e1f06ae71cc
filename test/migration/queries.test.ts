import { describe, expect, it } from "bun:test";
import { parseQueries, withExpectedPlans } from "../../src/migration/queries.ts";
import { errorOf } from "../support/error-of.ts";

const TEXT = `-- A note.

-- query: users by name
-- expect: SEARCH users USING INDEX i (name=?)
-- expect:   and deeper
SELECT * FROM users WHERE name = ';'; -- behind it

-- query: all users
SELECT * FROM users -- no semicolon
-- unused-index: i: for people
-- unindexed-key: users (a, b): never deleted: really
`;

describe("parseQueries()", () => {
  it("reads names, expected plans, statements and exceptions", () => {
    expect(parseQueries("q.sql", TEXT)).toEqual({
      file: "q.sql",
      queries: [
        {
          name: "users by name",
          line: 3,
          sql: "SELECT * FROM users WHERE name = ';'",
          expected: ["SEARCH users USING INDEX i (name=?)", "  and deeper"],
        },
        { name: "all users", line: 8, sql: "SELECT * FROM users", expected: null },
      ],
      exceptions: [
        { kind: "unused-index", object: "i", reason: "for people", line: 10 },
        {
          kind: "unindexed-key",
          object: "users (a, b)",
          reason: "never deleted: really",
          line: 11,
        },
      ],
    });
  });

  it("reads a file without queries, and one with CRLF", () => {
    expect(parseQueries("q.sql", "-- nothing yet\n").queries).toEqual([]);
    expect(parseQueries("q.sql", TEXT.replaceAll("\n", "\r\n"))).toEqual(
      parseQueries("q.sql", TEXT),
    );
  });

  it.each([
    ["a statement without a name", "SELECT 1;\n-- query: a\nSELECT 2;", "no `-- query: NAME`", 1],
    ["a query without a name", "-- query:\nSELECT 1;", "has no name", 1],
    ["one name twice", "-- query: a\nSELECT 1;\n-- query: a\nSELECT 2;", "given twice", 3],
    ["a query without a statement", "-- query: a\n-- query: b\nSELECT 2;", "no statement", 1],
    ["two statements", "-- query: a\nSELECT 1;\nSELECT 2;", "a second statement", 3],
    ["a statement without a plan", "-- query: a\nCREATE TABLE t (x);", "CREATE has no plan", 2],
    ["`expect` without a query", "-- expect: SCAN t\n-- query: a\nSELECT 1;", "outside", 1],
    ["`expect` behind a statement", "-- query: a\nSELECT 1;\n-- expect: SCAN t", "outside", 3],
    ["an exception without a reason", "-- unused-index: i\n", "a reason", 1],
  ])("refuses %s with its line", (_, text, words, line) => {
    const error = errorOf(() => parseQueries("q.sql", text));
    expect(error.code).toBe("QUERIES_INVALID");
    expect(error.message).toContain(words);
    expect(error.details["position"]).toMatchObject({ file: "q.sql", line });
  });
});

describe("withExpectedPlans()", () => {
  it("replaces the plans that it is given and nothing else", () => {
    const written = withExpectedPlans(TEXT, new Map([["users by name", ["SCAN users"]]]));
    expect(written).toBe(
      TEXT.replace(
        "-- expect: SEARCH users USING INDEX i (name=?)\n-- expect:   and deeper\n",
        "-- expect: SCAN users\n",
      ),
    );
  });

  it.each([TEXT, TEXT.replaceAll("\n", "\r\n"), "-- query: all users\nSELECT 1"])(
    "writes what reads back as given, and nothing when written again: %p",
    (text) => {
      const plan = ["CO-ROUTINE x", "  SCAN users"];
      const plans = new Map([["all users", plan]]);
      const written = withExpectedPlans(text, plans);
      const { queries } = parseQueries("q.sql", written);
      expect(queries.find(({ name }) => name === "all users")?.expected).toEqual(plan);
      expect(withExpectedPlans(written, plans)).toBe(written);
      expect(written.includes("\r\n")).toBe(text.includes("\r\n"));
    },
  );
});
