import { copyFileSync, existsSync } from "node:fs";
import { Database } from "bun:sqlite";
import { describe, expect, it } from "bun:test";
import { DamagedFile } from "../../../../src/engine/sqlite/recover/damaged-file.ts";
import { readRecord, readVarint } from "../../../../src/engine/sqlite/recover/record.ts";
import { rowOfRecord, readShapes } from "../../../../src/engine/sqlite/recover/table-shape.ts";
import { openConnection } from "../../../../src/engine/sqlite/open.ts";
import { type Chance, chance, FAULT_ROUNDS } from "../../../support/fault-rounds.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

type Value = string | number | bigint | Uint8Array | null;

const EDGES: readonly bigint[] = [
  0n,
  1n,
  -1n,
  127n,
  -128n,
  32_767n,
  8_388_607n,
  2n ** 31n,
  -(2n ** 47n),
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

function randomValue(dice: Chance): Value {
  const kind = Math.floor(dice.next() * 6);
  const length = Math.floor(dice.next() ** 4 * 9000);
  if (kind === 0) return null;
  if (kind === 1) return EDGES[Math.floor(dice.next() * EDGES.length)] ?? 0n;
  if (kind === 2) return dice.next() * 1e9;
  if (kind === 3) return new Uint8Array(length).map(() => 1 + dice.next() * 254);
  return "aé€😀".repeat(Math.ceil(length / 8));
}

const shown = (value: unknown): unknown =>
  typeof value === "bigint" ? Number(value) : value instanceof Uint8Array ? value.toHex() : value;

const textsOf = (rows: readonly (readonly unknown[])[]): string[] =>
  rows.map((row) => JSON.stringify(row.map(shown))).sort();

describe("pages read without SQLite", () => {
  // Strategy: random rows in a table with rowids and one without, deleted here and there, in files of random page
  // size, with and without auto-vacuum, half of it in a WAL. Invariant: exactly the rows that SQLite reads.
  it("have the rows that SQLite reads, and no deleted one", () => {
    const dice = chance();
    using folder = tempFolder();
    for (let round = 0; round < 12 * FAULT_ROUNDS; round++) {
      const path = folder.at(`${round}.db`);
      const pageSize = 512 << Math.floor(dice.next() * 8);
      const context = `USAGEDB_FAULT_SEED=${dice.seed} round ${round}, pages of ${pageSize}`;
      using database = new Database(path);
      database.run(`PRAGMA page_size = ${pageSize}`);
      if (dice.next() < 0.5) database.run("PRAGMA auto_vacuum = INCREMENTAL");
      database.run("PRAGMA journal_mode = WAL");
      database.run("PRAGMA wal_autocheckpoint = 0");
      database.run("CREATE TABLE plain (id INTEGER PRIMARY KEY, a, b, c)");
      database.run(
        "CREATE TABLE keyed (a, k INTEGER, b, j INTEGER, PRIMARY KEY (j, k)) WITHOUT ROWID",
      );
      const fill = (from: number, count: number): void => {
        database.transaction(() => {
          for (let index = from; index < from + count; index++) {
            const values = [randomValue(dice), randomValue(dice), randomValue(dice)];
            database.run("INSERT INTO plain VALUES (?, ?, ?, ?)", [
              index * 3 - 60,
              ...values,
            ] as never[]);
            database.run("INSERT INTO keyed VALUES (?, ?, ?, ?)", [
              values[0],
              index,
              values[1],
              index % 7,
            ] as never[]);
          }
          database.run("DELETE FROM plain WHERE id % 5 = 0");
          database.run("DELETE FROM keyed WHERE k % 5 = 0");
        })();
      };
      fill(0, 60);
      if (dice.next() < 0.7) database.run("PRAGMA wal_checkpoint(TRUNCATE)");
      database.run("ALTER TABLE plain ADD COLUMN d TEXT DEFAULT 'later'");
      database.run("UPDATE plain SET d = 'now' WHERE id % 2 = 0");
      copyFileSync(path, folder.at(`${round}-copy.db`));
      const wal = existsSync(`${path}-wal`);
      if (wal) copyFileSync(`${path}-wal`, folder.at(`${round}-copy.db-wal`));
      using file = new DamagedFile({
        path: folder.at(`${round}-copy.db`),
        walPath: wal ? folder.at(`${round}-copy.db-wal`) : null,
      });
      using shapeOf = openConnection(path, { mode: "read" });
      for (const [name, shape] of readShapes(shapeOf)) {
        const rows = [...file.recordsOf(name)].map(({ rowid, values }) =>
          values === null ? ["unreadable"] : (rowOfRecord(shape, rowid, values) ?? ["misfit"]),
        );
        const expected = database.query(`SELECT * FROM ${name}`).values() as unknown[][];
        expect([context, name, textsOf(rows)]).toEqual([context, name, textsOf(expected)]);
      }
      expect([context, file.orphans.size, file.isFreeListWhole, file.missingPages]).toEqual([
        context,
        0,
        true,
        [],
      ]);
    }
  });

  it("tell records that SQLite would not write from those that it does", () => {
    expect(readRecord(Buffer.from([2, 1, 5]))).toEqual([5]);
    for (const bytes of [[], [0], [1], [9, 1, 5], [2, 10, 5], [2, 1], [2, 1, 5, 5], [2, 15, 0xff]])
      expect([bytes, readRecord(Buffer.from(bytes))]).toEqual([bytes, null]);
  });

  it("have numbers of one to nine bytes", () => {
    const cases: [number[], bigint][] = [
      [[0x7f], 127n],
      [[0x81, 0], 128n],
      [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], -1n],
      [[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 2n ** 63n - 1n],
    ];
    for (const [bytes, value] of cases)
      expect(BigInt(readVarint(Buffer.from(bytes), 0)?.value ?? -7)).toBe(value);
    expect(readVarint(Buffer.from([0x81]), 0)).toBeNull();
  });
});
