import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import { MigrationError, type SourcePosition } from "../../src/errors.ts";
import { parseSqlFile, parseSqlHalf } from "../../src/migration/sections.ts";
import { positionIn, statementsOf } from "../../src/migration/sql-body.ts";
import { codeOf, errorOf } from "../support/error-of.ts";

const parse = (text: string) => parseSqlFile("001_a.sql", text);

/** What a refusal says: its code and where it points. */
function refusalOf(text: string): {
  code: string;
  line: number | undefined;
  column: number | undefined;
} {
  const error = errorOf(() => parse(text));
  const position = error.details["position"] as SourcePosition | undefined;
  return { code: error.code, line: position?.line, column: position?.column };
}

describe("parseSqlFile()", () => {
  it("splits a file as the seed documents and dbmate write it", () => {
    const parsed = parse(
      "-- Migration: 001_a\n-- Description: Makes t\n-- migrate:up\nCREATE TABLE t (x);\n\n-- migrate:down\nDROP TABLE t;\n",
    );
    expect(parsed).toEqual({
      up: { kind: "sql", sql: "CREATE TABLE t (x);\n\n", file: "001_a.sql", firstLine: 4 },
      down: { kind: "sql", sql: "DROP TABLE t;\n", file: "001_a.sql", firstLine: 7 },
      description: "Makes t",
      hasSections: true,
    });
  });

  it.each([
    "\ufeff-- migrate:up\r\nSELECT 1;\r\n-- migrate:down\r\nSELECT 2;\r\n",
    "--migrate:up\nSELECT 1;\n--migrate:down\nSELECT 2;",
    "  -- migrate:up  \nSELECT 1;\n\t-- migrate:down\t\nSELECT 2;",
    "-- migrate: up\nSELECT 1;\n-- migrate :down\nSELECT 2;",
  ])("accepts markers as people type them: %p", (text) => {
    const { up, down } = parse(text);
    expect(statementsOf(up).map((statement) => statement.text)).toEqual(["SELECT 1"]);
    expect(down && statementsOf(down).map((statement) => statement.text)).toEqual(["SELECT 2"]);
  });

  it("takes a marker inside a string, a name or a block comment for what it is", () => {
    const { up, down } = parse(
      "-- migrate:up\nSELECT '\n-- migrate:down\n', \"\n-- migrate:down\n\" /* was:\n-- migrate:down\n*/;\n-- migrate:down\nSELECT 2",
    );
    expect(statementsOf(up)).toHaveLength(1);
    expect(down?.sql).toBe("SELECT 2");
  });

  it("treats a file without sections as forward only", () => {
    expect(parse("CREATE TABLE t (x);")).toMatchObject({ down: null, hasSections: false });
  });

  it.each([
    "-- migrate:up\nSELECT 1;",
    "-- migrate:up\nSELECT 1;\n-- migrate:down",
    "-- migrate:up\nSELECT 1;\n-- migrate:down\n-- there is no way back\n;",
  ])("does not take %p for a way back", (text) => {
    expect(parse(text).down).toBeNull();
  });

  it.each([
    ["-- migrate:down\nSELECT 1;\n-- migrate:up\nSELECT 2;", 1, 1],
    ["-- migrate:up\nSELECT 1;\n-- migrate:up\nSELECT 2;", 3, 1],
    ["-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n-- migrate:down\nSELECT 3;", 5, 1],
    ["-- migrate:up\n-- migrate:down\n-- migrate:up\n", 3, 1],
    ["-- a\nSELECT 0;\n-- migrate:up\nSELECT 1;", 2, 1],
    ["-- migrate:up transaction:maybe\nSELECT 1;", 1, 1],
    ["-- migrate:upp\nSELECT 1;", 1, 1],
    ["-- migrate:UP\nSELECT 1;", 1, 1],
    ["-- migrate:\nSELECT 1;", 1, 1],
    ["-- migrate:up\nSELECT 1;\n  -- migrate:dwon\nSELECT 2;", 3, 3],
    ["-- migrate:up\nSELECT 1; -- migrate:down\nSELECT 2;", 2, 11],
    ["-- migrate:up\rCREATE TABLE t (x);\r-- migrate:down\rDROP TABLE t;\r", 1, 14],
    ["-- a remark\rCREATE TABLE t (x);\n", 1, 12],
  ])("refuses sections that do not stand as they must: %p", (text, line, column) => {
    expect(refusalOf(text)).toEqual({ code: "MIGRATION_SECTION_INVALID", line, column });
  });

  it.each([
    "-- migrate down",
    "-- migrate-down",
    "-- migrate_down",
    "-- migrate.down",
    "-- migrate;down",
    "--- migrate:down",
    "-- migration:down",
    "-- migrations: down",
    "-- mirgate:down",
    "-- Migrate Down",
    "/* migrate:down */",
    "-- down",
    "-- Down Migration",
    "-- ==== DOWN ====",
    "-- !Downs",
    "-- +goose Down",
    "-- +migrate Down",
    "-- rambler down",
    "-- //@UNDO",
  ])("never lets %p leave the down's statements inside the up", (marker) => {
    const text = `CREATE TABLE t (x);\n${marker}\nDROP TABLE t;\n`;
    const refusal = { code: "MIGRATION_SECTION_INVALID", column: 1 };
    expect(refusalOf(text)).toEqual({ ...refusal, line: 2 });
    expect(refusalOf(`-- migrate:up\n${text}`)).toEqual({ ...refusal, line: 3 });
  });

  it.each([
    "-- migrate the rows of last year",
    "-- migrate up to a thousand rows at a time",
    "-- keep this table up to date",
    "-- goes down with its parent",
    "-- cleanup",
    "-- see https://example.com/migrate:up-and-away for why",
    "/* up and\n down */",
    "-- upsert",
  ])("takes the remark %p for a remark", (remark) => {
    expect(parse(`-- migrate:up\n${remark}\nSELECT 1;\n`).down).toBeNull();
  });

  it.each([
    ["-- migrate:up\nSELECT 'abc;\n-- migrate:down\n", "MIGRATION_SQL_UNTERMINATED", 2, 8],
    ["SELECT 1;\n/* abc", "MIGRATION_SQL_UNTERMINATED", 2, 1],
    ["SELECT 1;\n  SELECT [abc", "MIGRATION_SQL_UNTERMINATED", 2, 10],
    [
      "SELECT 1;\nCREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;",
      "MIGRATION_SQL_UNTERMINATED",
      2,
      1,
    ],
    [
      "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\nCREATE TRIGGER t BEGIN",
      "MIGRATION_SQL_UNTERMINATED",
      5,
      1,
    ],
    ["SELECT 1;\n-- a\0b\n", "MIGRATION_SQL_NUL", 2, 5],
    ["S\0E\0L\0E\0C\0T\0", "MIGRATION_SQL_NUL", 1, 2],
    ["SELECT 'größe 😀', 'x\0'", "MIGRATION_SQL_NUL", 1, 22],
  ])("refuses broken text with its place: %p", (text, code, line, column) => {
    expect(refusalOf(text)).toEqual({ code, line, column });
  });

  it.each([
    "BEGIN",
    "begin immediate",
    "COMMIT",
    "END TRANSACTION",
    "ROLLBACK",
    "SAVEPOINT a",
    "RELEASE a",
    "ROLLBACK TO a",
    "/* c */ COMMIT",
  ])("refuses transaction control: %p", (sql) => {
    for (const [text, line] of [
      [`-- migrate:up\nSELECT 1;\n${sql};`, 3],
      [`-- migrate:up\nSELECT 1;\n-- migrate:down\n${sql};`, 4],
    ] as const)
      expect(refusalOf(text)).toMatchObject({ code: "MIGRATION_TRANSACTION_CONTROL", line });
  });

  it.each([
    "ATTACH 'other.db' AS other",
    "DETACH other",
    "VACUUM",
    "VACUUM INTO 'copy.db'",
    "PRAGMA user_version = 7",
    "PRAGMA main.user_version(7)",
    "pragma /* c */ user_version /* d */ = 7",
    'PRAGMA "user_version" = 7',
    "PRAGMA main . [schema_version] = 7",
    "PRAGMA writable_schema = ON",
    "PRAGMA ignore_check_constraints = 1",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA query_only = 1",
    "PRAGMA legacy_alter_table = ON",
    "PRAGMA recursive_triggers(1)",
    "PRAGMA trusted_schema = ON",
    "PRAGMA max_page_count = 50",
    "PRAGMA journal_mode = DELETE",
  ])("refuses what would escape the transaction: %p", (sql) => {
    expect(refusalOf(`SELECT 1;\n${sql};`)).toMatchObject({
      code: "MIGRATION_STATEMENT_FORBIDDEN",
      line: 2,
    });
  });

  it.each([
    "PRAGMA foreign_keys = OFF",
    "PRAGMA defer_foreign_keys = ON",
    "PRAGMA user_version",
    "PRAGMA table_info(t)",
    "INSERT INTO words VALUES ('COMMIT')",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END",
    "REPLACE INTO t VALUES (1)",
  ])("accepts %p", (sql) => {
    expect(statementsOf(parse(`${sql};`).up)).toHaveLength(1);
  });

  it("answers any text with sections or with an error of its own that has a place", () => {
    const piece = fc.constantFrom(
      "-- migrate:up",
      "-- migrate:down",
      "-- migrate",
      "\n",
      "\r",
      "\r\n",
      "'",
      '"',
      "[",
      "/*",
      "*/",
      "--",
      "CREATE TRIGGER t BEGIN ",
      "; END",
      ";",
      "SELECT 1",
      "COMMIT",
      "PRAGMA user_version = 1",
      "\0",
      "\ufeff",
      "é",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join("");
        let parsed: ReturnType<typeof parse>;
        try {
          parsed = parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(MigrationError);
          const position = error instanceof MigrationError ? error.details["position"] : null;
          expect(position).toMatchObject({ file: "001_a.sql", line: expect.any(Number) });
          return;
        }
        // What was accepted is accepted again, statement by statement: nothing hides behind its neighbour.
        for (const body of [parsed.up, parsed.down])
          for (const { text: statement } of body === null ? [] : statementsOf(body))
            expect(() => parseSqlHalf("f", statement)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it("gives back exactly what stood in each section, whatever the line ends", () => {
    const line = fc.constantFrom(
      "SELECT 1;",
      "-- remark",
      "",
      "  INSERT INTO t VALUES ('a;b');",
      "/* x */",
    );
    const lines = fc.array(line, { maxLength: 6 });
    fc.assert(
      fc.property(
        lines,
        lines,
        fc.constantFrom("\n", "\r\n"),
        fc.boolean(),
        (up, down, end, hasBom) => {
          const text = ["-- head", "-- migrate:up", ...up, "-- migrate:down", ...down].join(end);
          const parsed = parse((hasBom ? "\ufeff" : "") + text);
          expect(parsed.up.sql.split(end).slice(0, -1)).toEqual(up);
          expect(parsed.up.firstLine).toBe(3);
          const hasStatement = down.some((each) => each.includes(";"));
          expect(parsed.down === null).toBe(!hasStatement);
          if (parsed.down !== null) {
            expect(parsed.down.sql.split(end)).toEqual(down);
            expect(parsed.down.firstLine).toBe(4 + up.length);
          }
        },
      ),
    );
  });
});

describe("parseSqlHalf()", () => {
  it("takes the whole text and its description", () => {
    expect(parseSqlHalf("1_a.up.sql", "\ufeff-- Description: Makes t\r\nSELECT 1;")).toEqual({
      body: {
        kind: "sql",
        sql: "-- Description: Makes t\r\nSELECT 1;",
        file: "1_a.up.sql",
        firstLine: 1,
      },
      description: "Makes t",
    });
  });

  it("refuses a marker: half a pair has no sections", () => {
    const error = errorOf(() =>
      parseSqlHalf("1_a.up.sql", "SELECT 1;\n-- migrate:down\nSELECT 2;"),
    );
    expect(error.code).toBe("MIGRATION_SECTION_INVALID");
    expect(error.details["position"]).toMatchObject({ file: "1_a.up.sql", line: 2 });
  });
});

describe("transaction:false", () => {
  const both = "-- migrate:up transaction:false\nVACUUM;\n-- migrate:down\nSELECT 1;\n";

  it("is an option of one section, and part of its text", () => {
    const { up, down } = parseSqlFile("1_a.sql", both);
    expect(up).toEqual({
      kind: "sql",
      sql: "-- migrate:up transaction:false\nVACUUM;\n",
      file: "1_a.sql",
      firstLine: 1,
      isTransactional: false,
    });
    expect(down?.isTransactional).toBeUndefined();
    expect(positionIn(up, statementsOf(up)[0]?.start ?? 0)).toMatchObject({ line: 2, column: 1 });
    expect(codeOf(() => parseSqlFile("1_a.sql", both.replace(" transaction:false", "")))).toBe(
      "MIGRATION_STATEMENT_FORBIDDEN",
    );
    expect(parseSqlFile("1_a.sql", "-- migrate:up transaction:true\nSELECT 1;").up.sql).toBe(
      "SELECT 1;",
    );
  });

  it("may head one half of a pair", () => {
    const { body } = parseSqlHalf(
      "1_a.up.sql",
      "-- Description: x\n-- migrate:up transaction:false\nVACUUM;",
    );
    expect(body.isTransactional).toBe(false);
    expect(
      codeOf(() =>
        parseSqlHalf("1_a.up.sql", "SELECT 1;\n-- migrate:up transaction:false\nVACUUM;"),
      ),
    ).toBe("MIGRATION_SECTION_INVALID");
  });
});
