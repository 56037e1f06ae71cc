/**
 * Strategy: random tables (types, keys, collations, conflict clauses, generated columns, odd names, comments,
 * STRICT, WITHOUT ROWID, AUTOINCREMENT) with rows, a child, indexes, views and triggers are rebuilt by
 * `changeTable`, with and without a change.
 * Invariants: a rebuild that changes nothing leaves text, description, rows, rowids, sequence and children equal;
 * a change leaves nothing different but what it names.
 */
import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { changeTable } from "../../../../src/engine/sqlite/change-table/change-table.ts";
import type { TableChange } from "../../../../src/engine/sqlite/change-table/table-change.ts";
import type { Connection } from "../../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { quoteIdentifier as quote } from "../../../../src/engine/sqlite/quote.ts";
import { describeSchema, diffSchemas } from "../../../../src/engine/sqlite/schema.ts";
import { FAULT_ROUNDS } from "../../../support/fault-rounds.ts";
import { listOf, migratorOver } from "../../../support/migrating.ts";

interface Sketch {
  readonly table: string;
  readonly columns: readonly string[];
  readonly key: "none" | "integer" | "autoincrement" | "text" | "pair";
  readonly isStrict: boolean;
  readonly isWithoutRowid: boolean;
  readonly extras: readonly number[];
  readonly gaps: readonly string[];
  readonly values: readonly (string | number | null)[];
  readonly generated: "none" | "virtual" | "stored";
  readonly conflict: "" | " ON CONFLICT REPLACE" | " ON CONFLICT IGNORE";
}

const nameOf = fc.constantFrom("t", "T 1", 'quo"te', "group", "größe", "a,b", "x--y", "p(");
const columnOf = fc.constantFrom("a", "B b", "select", 'c"c', "d)", "e/*", "ß", "rowid", "f'f");
const gap = fc.constantFrom(" ", "\n  ", " /* , ) */ ", " -- it's, (so)\n ", "\t");

const sketches: fc.Arbitrary<Sketch> = fc.record({
  table: nameOf,
  columns: fc.uniqueArray(columnOf, { minLength: 2, maxLength: 5 }),
  key: fc.constantFrom("none", "integer", "autoincrement", "text", "pair"),
  isStrict: fc.boolean(),
  isWithoutRowid: fc.boolean(),
  extras: fc.array(fc.nat(7), { minLength: 5, maxLength: 5 }),
  gaps: fc.array(gap, { minLength: 8, maxLength: 8 }),
  values: fc.array(fc.constantFrom("", "x", "Ä", 0, -1.5, 2 ** 40, null, "12"), {
    minLength: 12,
    maxLength: 12,
  }),
  generated: fc.constantFrom("none", "virtual", "stored"),
  conflict: fc.constantFrom("", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE"),
});

const ROWID_NAMES = ["_rowid_", "oid"];

function createSql(sketch: Sketch): string {
  const { table, columns, key, isStrict, extras, gaps, generated, conflict } = sketch;
  const type = isStrict ? "ANY" : "";
  const extra = [
    "",
    `DEFAULT 'x, ('`,
    `DEFAULT (1 + 2)`,
    `CONSTRAINT "n ame" CHECK (${quote(table)}.%c IS NOT 'never')`,
    `COLLATE NOCASE`,
    `NOT NULL${conflict} DEFAULT -3`,
    `REFERENCES ${quote(table)} ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED`,
    `CHECK (%c <> ')') ${isStrict ? "" : "COLLATE BINARY"}`,
  ];
  const keyColumn = {
    none: [],
    integer: [`id INTEGER PRIMARY KEY${conflict}`],
    autoincrement: ["id INTEGER PRIMARY KEY AUTOINCREMENT"],
    text: ["id TEXT PRIMARY KEY NOT NULL"],
    pair: ["id INT NOT NULL"],
  }[key];
  const own = columns.map((column, index) => {
    const words = (extra[extras[index] ?? 0] ?? "").replaceAll("%c", quote(column));
    return `${quote(column)} ${type} ${words}`;
  });
  const made =
    generated === "none"
      ? []
      : [
          `made ${type} GENERATED ALWAYS AS (length(${quote(columns[0] ?? "")})) ${generated.toUpperCase()}`,
        ];
  const constraints = [
    ...(key === "pair" ? [`PRIMARY KEY (id DESC, ${quote(columns[0] ?? "")})`] : []),
    `CONSTRAINT two CHECK (${quote(columns[0] ?? "")} IS NOT 'no')`,
  ];
  const parts = [...keyColumn, ...made, ...own, ...constraints];
  const body = parts.map((part, index) => `${gaps[index % gaps.length]}${part}`).join(",");
  const options = [
    ...(isWithoutRowidOf(sketch) ? ["WITHOUT ROWID"] : []),
    ...(isStrict ? ["STRICT"] : []),
  ];
  return `CREATE TABLE ${quote(table)} (${body}${gaps[0]})${options.join(", ")}`;
}

const isWithoutRowidOf = ({ isWithoutRowid, key }: Sketch): boolean =>
  isWithoutRowid && (key === "text" || key === "pair");

/** The table with rows, and everything that hangs on it. */
function build(sketch: Sketch): Connection {
  const db = openConnection(":memory:");
  const { table, columns, key, values } = sketch;
  const [first = "", second = ""] = columns.map(quote);
  const t = quote(table);
  db.runOnce("PRAGMA foreign_keys = OFF");
  db.runOnce(createSql(sketch));
  db.runOnce(`CREATE TABLE child (x INTEGER PRIMARY KEY, y REFERENCES ${t} ON DELETE CASCADE)`);
  db.runOnce(
    `CREATE INDEX "i 1" ON ${t} (${first} DESC, ${second} COLLATE NOCASE) WHERE ${first} > 1`,
  );
  db.runOnce(`CREATE INDEX i2 ON ${t} (length(${second}))`);
  db.runOnce(`CREATE VIEW seen AS SELECT ${first} AS one FROM ${t} WHERE ${second} IS NOT NULL`);
  db.runOnce("CREATE VIEW again AS SELECT one FROM seen");
  for (const [index, value] of values.entries()) {
    const names = key === "none" ? [first, second] : ["id", first, second];
    const bound = key === "none" ? [] : [key === "text" ? `k${index}` : index * 3];
    const sql = `INSERT OR IGNORE INTO ${t} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
    db.prepare(sql).run(...bound, value, values[(index * 5 + 1) % values.length] ?? null);
  }
  if (key === "none" || key === "text" || key === "pair")
    db.runOnce(`DELETE FROM ${t} WHERE ${first} = 'x'`);
  db.runOnce(`INSERT INTO child (y) SELECT ${first} FROM ${t} WHERE ${first} IS NOT NULL`);
  db.runOnce(
    `CREATE TRIGGER tr1 AFTER UPDATE OF ${first} ON ${t} BEGIN DELETE FROM child WHERE y = old.${first}; END`,
  );
  db.runOnce(`CREATE TRIGGER tr2 AFTER INSERT ON child BEGIN DELETE FROM ${t} WHERE 0; END`);
  db.runOnce(`CREATE TRIGGER tr3 INSTEAD OF DELETE ON again BEGIN DELETE FROM ${t} WHERE 0; END`);
  db.runOnce("CREATE TABLE place (k UNIQUE)");
  db.runOnce(`INSERT OR IGNORE INTO place SELECT ${second} FROM ${t} WHERE ${second} IS NOT NULL`);
  db.forgetStatements();
  db.runOnce("PRAGMA foreign_keys = ON");
  return db;
}

function rebuild(db: Connection, { table }: Sketch, one: TableChange): void {
  const report: string[] = [];
  migratorOver(
    db,
    listOf((handle) => {
      report.push(changeTable(handle, table, one).method);
    }),
  ).up();
  expect(report).toEqual(["rebuild"]);
}

const rowsOf = (db: Connection, sketch: Sketch, columns = "*"): unknown[] => {
  const rowid = isWithoutRowidOf(sketch) ? "0" : (ROWID_NAMES[0] as string);
  return db.readOnce(
    `SELECT ${rowid} AS r, ${columns} FROM ${quote(sketch.table)} ORDER BY 1, 2, 3`,
  );
};

const othersOf = (db: Connection): unknown => [
  db.readOnce("SELECT * FROM child"),
  db.readOnce("SELECT * FROM again"),
  db.readOnce("SELECT name FROM sqlite_schema WHERE name = 'sqlite_sequence'").length > 0
    ? db.readOnce("SELECT name, seq FROM sqlite_sequence ORDER BY name")
    : [],
];

const tableText = (db: Connection, { table }: Sketch): string =>
  String(
    db.readOnce("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", table)[0]?.[0],
  );

const RUNS = { numRuns: 80 * FAULT_ROUNDS };

describe("a rebuild of a random table", () => {
  it("that changes nothing leaves all as it was, to the letter", () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        using db = build(sketch);
        const schema = describeSchema(db);
        const before = [rowsOf(db, sketch), othersOf(db)];
        const text = tableText(db, sketch);
        rebuild(db, sketch, { rebuild: true });
        expect(diffSchemas(schema, describeSchema(db))).toEqual([]);
        expect([rowsOf(db, sketch), othersOf(db)]).toEqual(before);
        // SQLite puts quotes around the name, and around one that a CHECK says.
        expect(tableText(db, sketch)).toBe(text);
        expect(db.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
      }),
      RUNS,
    );
  });

  const kept = ({ columns }: Sketch): string => columns.map(quote).join(", ");
  const changes: readonly [string, (sketch: Sketch) => TableChange, readonly RegExp[]][] = [
    [
      "a column more",
      () => ({ addColumn: { z: "TEXT UNIQUE" } }),
      [/gained: column z /, /gained: unique \(z/],
    ],
    [
      "a check more",
      () => ({ addCheck: { more: "1 < 2" }, rebuild: true }),
      [/gained: check \( 1 < 2 \)$/],
    ],
    ["a check less", () => ({ dropConstraint: "two", rebuild: true }), [/lost: check /]],
    [
      "another default",
      ({ columns }) => ({ setDefault: { [columns[1] ?? ""]: "'new'" } }),
      [/(lost|gained): column /],
    ],
    [
      "NOT NULL",
      ({ columns }) => ({
        setNotNull: columns[1] ?? "",
        copy: { [columns[1] ?? ""]: `coalesce(${quote(columns[1] ?? "")}, 5)` },
      }),
      [/(lost|gained): column /],
    ],
    [
      "a foreign key",
      ({ columns }) => ({
        addForeignKey: { columns: columns[1] ?? "", references: "place", to: "k" },
      }),
      [/gained: foreign key /],
    ],
    [
      "no column of its own",
      ({ columns }) => ({ addColumn: { z: "ANY" }, dropColumn: columns.slice(2), rebuild: true }),
      [/(lost|gained): /],
    ],
  ];

  it.each(changes)("with %s leaves all else as it was", (label, one, allowed) => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        using db = build(sketch);
        const schema = describeSchema(db);
        const isDropping = label.startsWith("no column");
        const columns = isDropping
          ? kept({ ...sketch, columns: sketch.columns.slice(0, 2) })
          : kept(sketch);
        const isCopying = label === "NOT NULL";
        // The value that is put in for NULL would point at nothing.
        fc.pre(!isCopying || sketch.extras[1] !== 6);
        const before = isCopying ? rowsOf(db, sketch, "1, 1").length : rowsOf(db, sketch, columns);
        const others = othersOf(db);
        rebuild(db, sketch, one(sketch));
        const differences = diffSchemas(schema, describeSchema(db)).filter(
          (line) => !allowed.some((pattern) => pattern.test(line)),
        );
        expect(differences).toEqual([]);
        const after = isCopying ? rowsOf(db, sketch, "1, 1").length : rowsOf(db, sketch, columns);
        expect(after).toEqual(before as never);
        if (!isCopying) expect(othersOf(db)).toEqual(others);
        expect(db.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
      }),
      { numRuns: 25 * FAULT_ROUNDS, includeErrorInReport: true },
    );
  });
});
