import { describe, expect, it } from "bun:test";
import { gooseAnnotation } from "../../src/migration/goose.ts";
import { parseSqlFile, parseSqlHalf } from "../../src/migration/sections.ts";
import { positionIn, statementsOf, storedBody } from "../../src/migration/sql-body.ts";
import { errorOf } from "../support/error-of.ts";

const FILE = `-- A comment before everything.

-- +goose Up
-- +goose StatementBegin
CREATE TABLE a (x);
CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; SELECT ';'; END;
-- +goose StatementEnd
INSERT INTO a VALUES ('-- +goose Down');

-- +GOOSE  down
DROP TABLE a;
`;

describe("gooseAnnotation()", () => {
  it.each([
    ["-- +goose Up", "up"],
    ["--\t+goose  DOWN \r", "down"],
    ["-- +goose no   transaction", "no-transaction"],
    ["-- +goose ENVSUB OFF", "envsub-off"],
    ["-- +goose Upp", "unknown"],
    ["-- +goose", "unknown"],
    ["-- +goosey Up", null],
    ["-- goose Up", null],
  ] as const)("reads %p as %p", (comment, annotation) => {
    expect(gooseAnnotation(comment)).toBe(annotation);
  });
});

describe("parseSqlFile() of goose's files", () => {
  it("finds both sections, and every statement of a marked block", () => {
    const { up, down, hasSections } = parseSqlFile("1_a.sql", FILE);
    expect(hasSections).toBe(true);
    expect(statementsOf(up).map(({ text }) => text)).toEqual([
      "CREATE TABLE a (x)",
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; SELECT ';'; END",
      "INSERT INTO a VALUES ('-- +goose Down')",
    ]);
    expect(statementsOf(down ?? up).map(({ text }) => text)).toEqual(["DROP TABLE a"]);
  });

  it("takes a file without a down, and environment substitution that is switched off", () => {
    const { down } = parseSqlFile("1_a.sql", "-- +goose ENVSUB OFF\n-- +goose Up\nSELECT 1;\n");
    expect(down).toBeNull();
  });

  it.each([
    ["-- +goose Up\n-- +goose Sideways\n", 2, "not one of goose's"],
    ["-- +goose ENVSUB ON\n-- +goose Up\n", 1, "ENVSUB ON"],
    ["-- +goose Up\nSELECT 1;\n  -- +goose Down\n", 3, "start of its line"],
    ["-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n", 2, "never ended"],
    ["-- +goose Up\n-- +goose StatementBegin\n-- +goose Down\n", 3, "not ended before it"],
    ["-- +goose Up\n-- +goose StatementEnd\n", 2, "not begun"],
    ["-- +goose StatementBegin\n-- +goose Up\n", 1, "before any"],
    ["-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementBegin\n", 3, "inside another"],
    ["-- +goose Up\n-- +goose Up\n", 2, "`-- +goose Up` appears twice"],
    ["-- +goose Down\n-- +goose Up\n", 1, "the down section comes before"],
    ["SELECT 1;\n-- +goose Up\n", 1, "before `-- +goose Up`"],
    ["-- +goose Up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n", 3, "markers of two tools"],
  ])("refuses %p at line %p", (text, line, observed) => {
    const error = errorOf(() => parseSqlFile("1_a.sql", text));
    expect(error.code).toBe("MIGRATION_SECTION_INVALID");
    expect(error.message).toContain(observed);
    expect(error.details["position"]).toMatchObject({ line });
  });
});

describe("a migration that asks for no transaction", () => {
  it("is read as one, whichever tool's, and says so in the text that the ledger keeps", () => {
    const bodies = [
      parseSqlFile("1_a.sql", "-- migrate:up transaction:false\nVACUUM;").up,
      parseSqlFile("1_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nVACUUM;").up,
      parseSqlFile(
        "1_a.sql",
        "-- +goose Up\nSELECT 1;\n-- +goose Down\n-- +goose NO TRANSACTION\nVACUUM;",
      ).down,
      parseSqlFile("1_a.sql", "-- no-transaction\nVACUUM;").up,
      parseSqlHalf("1_a.up.sql", "-- no-transaction\nVACUUM;").body,
    ];
    for (const body of bodies) {
      expect(body?.isTransactional).toBe(false);
      expect(storedBody("ledger", body?.sql ?? "").isTransactional).toBe(false);
    }
    const [, goose] = bodies;
    if (goose === undefined || goose === null) throw new Error("it has an up");
    expect(positionIn(goose, statementsOf(goose)[0]?.start ?? 0)).toMatchObject({ line: 3 });
  });

  it("is refused where only a file beside the text says so", () => {
    expect(errorOf(() => parseSqlHalf("1_a/up.sql", "VACUUM;", false)).message).toContain(
      "expected `-- no-transaction` as its first words instead",
    );
  });
});

describe("drizzle's breakpoints", () => {
  it("end a statement that has no semicolon, and none inside a trigger", () => {
    const { up } = parseSqlFile(
      "0000_a.sql",
      "SELECT 1\n--> statement-breakpoint\nSELECT 2;--> statement-breakpoint\n" +
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 3;\n--> statement-breakpoint\nEND\n" +
        "--> statement-breakpoint\nSELECT '\n--> statement-breakpoint'",
    );
    expect(statementsOf(up).map(({ text }) => text)).toEqual([
      "SELECT 1",
      "SELECT 2",
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 3;\n--> statement-breakpoint\nEND",
      "SELECT '\n--> statement-breakpoint'",
    ]);
  });
});
