import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import {
  locate,
  nextToken,
  ScanError,
  scanTokens,
  splitStatements,
} from "../../src/migration/sql-scanner.ts";

const texts = (sql: string): string[] => splitStatements(sql).map(({ text }) => text);

function problemOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    if (error instanceof ScanError) return error.scan;
    throw error;
  }
  return null;
}

describe("scanTokens()", () => {
  it.each([
    ["a 'it''s' b", ["a", "'it''s'", "b"]],
    [`"a""b" \`c\`\`d\` [e"f]`, [`"a""b"`, "`c``d`", `[e"f]`]],
    ["x'00ff' X'AB' x '1'", ["x'00ff'", "X'AB'", "x", "'1'"]],
    ["1e5+1e-5-0x1F.5", ["1e5", "+", "1e-5", "-", "0x1F.5"]],
    ["a->>'$.b'||c->'d'", ["a", "->>", "'$.b'", "||", "c", "->", "'d'"]],
    ["a<=b<>c!=d==e<<f", ["a", "<=", "b", "<>", "c", "!=", "d", "==", "e", "<<", "f"]],
    ["-- c 'x\n/* ; ' */ a", ["-- c 'x", "/* ; ' */", "a"]],
    ["größe_1$ _x", ["größe_1$", "_x"]],
    ["\ufeffa", ["a"]],
    ["a\t\r\n\fb", ["a", "b"]],
    ["/*/ not closed yet */ a", ["/*/ not closed yet */", "a"]],
    ["a - -b", ["a", "-", "-", "b"]],
    ["", []],
  ])("reads %p", (sql, expected) => {
    const tokens = [...scanTokens(sql)].map(({ start, end }) => sql.slice(start, end));
    expect(tokens).toEqual(expected);
  });

  it.each([
    ["SELECT 'abc", "string", 7],
    ["SELECT x'00", "string", 7],
    ['SELECT "abc', "quoted name", 7],
    ["SELECT `abc", "quoted name", 7],
    ["SELECT [abc", "quoted name", 7],
    ["SELECT 1 /* abc", "comment", 9],
    ["SELECT 'it''", "string", 7],
  ])("refuses %p as an unterminated %s", (sql, what, offset) => {
    expect(problemOf(() => [...scanTokens(sql)])).toEqual({
      problem: "unterminated",
      what,
      offset,
    });
  });

  it.each([
    ["\0", 0],
    ["SELECT \0 1", 7],
    ["SELECT 'a\0b'", 9],
    ['SELECT "a\0b"', 9],
    ["SELECT [a\0b]", 9],
    ["-- a\0b\nSELECT 1", 4],
    ["/* a\0b */", 4],
    ["abc\0", 3],
    ["12\0", 2],
  ])("refuses the NUL in %p", (sql, offset) => {
    expect(problemOf(() => [...scanTokens(sql)])).toEqual({ problem: "nul", offset });
  });

  it("looks for a NUL inside the comment only, so that many comments stay cheap", () => {
    const sql = `${"-- a remark\n".repeat(20_000)}SELECT '${"x".repeat(2_000_000)}'`;
    const startedAt = performance.now();
    expect([...scanTokens(sql)].length).toBe(20_002);
    expect(performance.now() - startedAt).toBeLessThan(1500);
  });

  it("always moves on and never loses a visible character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (sql) => {
        let seen = 0;
        try {
          for (let token = nextToken(sql, 0); token; token = nextToken(sql, token.end)) {
            expect(token.end).toBeGreaterThan(token.start);
            expect(token.start).toBeGreaterThanOrEqual(seen);
            expect(sql.slice(seen, token.start).trim()).toBe("");
            seen = token.end;
          }
          expect(sql.slice(seen).trim()).toBe("");
        } catch (error) {
          if (!(error instanceof ScanError)) throw error;
        }
      }),
    );
  });
});

describe("splitStatements()", () => {
  it.each([
    ["SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]],
    ["SELECT 1;;\n ; -- nothing\n;SELECT 2;", ["SELECT 1", "SELECT 2"]],
    [
      "SELECT ';'; SELECT \";\"; SELECT [;]; SELECT `;`",
      ["SELECT ';'", 'SELECT ";"', "SELECT [;]", "SELECT `;`"],
    ],
    ["/* ; */ SELECT 1 -- ; \n + 2; SELECT 3", ["SELECT 1 -- ; \n + 2", "SELECT 3"]],
    ["", []],
    ["-- only\n/* remarks */", []],
    ["\ufeffSELECT 1;\r\nSELECT 2;\r\n", ["SELECT 1", "SELECT 2"]],
  ])("splits %p", (sql, expected) => {
    expect(texts(sql)).toEqual(expected);
  });

  const trigger = `CREATE TRIGGER t AFTER INSERT ON a BEGIN
  UPDATE a SET x = CASE WHEN x > 1 THEN 2 ELSE 3 END WHERE y = 'END;';
  -- END;
  INSERT INTO log VALUES (1); /* ; END ; */
  SELECT CASE 1 WHEN 1 THEN RAISE(ABORT, 'a;b') END;
END`;

  it.each([
    trigger,
    trigger.replace("CREATE TRIGGER", "create temp trigger if not exists"),
    trigger.replace("CREATE TRIGGER", "CREATE /* ; */ TEMPORARY -- x\n TRIGGER"),
    trigger.replaceAll("\n", "\r\n"),
  ])("keeps a trigger whole: %#", (sql) => {
    expect(texts(`SELECT 0;${sql};SELECT 1`)).toEqual(["SELECT 0", sql, "SELECT 1"]);
    expect(texts(sql)).toEqual([sql]);
  });

  it("splits a trigger as SQLite does: the next statement is not swallowed", () => {
    using db = new Database(":memory:");
    db.run("CREATE TABLE a (x, y); CREATE TABLE log (z)");
    for (const text of texts(`${trigger}; CREATE TABLE after_trigger (x)`)) db.run(text);
    const names = db.query("SELECT name FROM sqlite_schema ORDER BY name").values().flat();
    expect(names).toEqual(["a", "after_trigger", "log", "t"]);
  });

  it.each([
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END;",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 'END;';",
  ])("refuses a trigger that is not closed: %p", (sql) => {
    expect(problemOf(() => splitStatements(`SELECT 1;\n${sql}`))).toMatchObject({
      problem: "unterminated",
      offset: 10,
    });
  });

  it("reports the first words in upper case and where the statement starts", () => {
    const [first, second] = splitStatements(
      "-- a\n create Unique /* b */ index if not exists x; drop\ntable y",
    );
    expect(first).toMatchObject({ words: ["CREATE", "UNIQUE", "INDEX", "IF"], start: 6 });
    expect(second).toMatchObject({ words: ["DROP", "TABLE", "Y"], text: "drop\ntable y" });
  });

  const statement = fc.oneof(
    fc.constantFrom(
      "SELECT 1",
      "INSERT INTO t VALUES ('a;b', x'3b')",
      'DELETE FROM "a;b" WHERE [c;d] = `e;f`',
      trigger,
      "SELECT 'it''s; -- fine' /* ; */ + 1",
      "CREATE TABLE e (\n  a TEXT, -- one; two\n  b INTEGER\n)",
    ),
    fc
      .string({ unit: fc.constantFrom("a", "1", " ", "(", ")", ",", "é", "😀") })
      .map((s) => `SELECT ${s}`.trim()),
  );
  const separator = fc.constantFrom(
    ";",
    " ;\n",
    ";\r\n",
    "; -- ; remark\n",
    ";/* ; */;",
    "\n;\n\n",
  );

  it("loses nothing when statements are joined", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(statement, separator)), (parts) => {
        const sql = parts.map(([text, end]) => text + end).join("");
        expect(texts(sql)).toEqual(parts.map(([text]) => text));
        for (const { text, start } of splitStatements(sql))
          expect(sql.slice(start, start + text.length)).toBe(text);
      }),
    );
  });
});

describe("locate()", () => {
  it.each([
    ["abc", 0, 1, 1, "abc"],
    ["abc\ndef", 4, 2, 1, "def"],
    ["abc\ndef", 3, 1, 4, "abc"],
    ["abc\r\ndef\r\n", 6, 2, 2, "def"],
    ["\n\nx", 2, 3, 1, "x"],
    ["", 0, 1, 1, ""],
  ])("finds %p at %p", (text, offset, line, column, sourceLine) => {
    expect(locate(text, offset)).toEqual({ line, column, sourceLine });
  });
});
