/** Database files that somebody made who means harm, each by one idea. */
import { Database } from "bun:sqlite";
import { DatabaseSync } from "node:sqlite";
import { closeSync, openSync, writeSync } from "node:fs";

/** Never ends: whoever reads a view of it hangs. */
export const ENDLESS =
  "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n WHERE x < 0";

/** Changes a sound file. */
export type Harm = (path: string) => void;

function changing(work: (database: Database) => void): Harm {
  return (path) => {
    const database = new Database(path, { create: true, readwrite: true });
    try {
      database.run("PRAGMA wal_checkpoint(TRUNCATE)");
      work(database);
    } finally {
      database.close(true);
    }
  };
}

/** By the only one of the two drivers that can be told to let it happen. */
const schemaText =
  (sql: string): Harm =>
  (path) => {
    const database = new DatabaseSync(path);
    try {
      database.enableDefensive(false);
      database.exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA writable_schema = ON");
      database.exec(sql);
    } finally {
      database.close();
    }
  };

function bytesAt(offset: number, bytes: readonly number[]): Harm {
  return (path) => {
    const descriptor = openSync(path, "r+");
    writeSync(descriptor, Uint8Array.from(bytes), 0, bytes.length, offset);
    closeSync(descriptor);
  };
}

/** What any database file may have done to it, whatever it holds. */
export const HARMS: Readonly<Record<string, Harm>> = {
  "a schema that does not parse": schemaText(
    "UPDATE sqlite_schema SET sql = 'CREATE TABLE (((' WHERE rowid = (SELECT min(rowid) FROM sqlite_schema)",
  ),
  "a table whose page is another's": schemaText(
    "UPDATE sqlite_schema SET rootpage = 1 WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
  ),
  "a table far behind the end of the file": schemaText(
    "UPDATE sqlite_schema SET rootpage = 2000000000 WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
  ),
  "a trigger whose text is something else": schemaText(
    "INSERT INTO sqlite_schema VALUES ('trigger', 'z', 'events', 0, 'DROP TABLE events')",
  ),
  "two objects of one name": schemaText(
    "INSERT INTO sqlite_schema SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema",
  ),
  "statistics that are nonsense": changing((database) => {
    database.run("CREATE TABLE hostile_t (a); CREATE INDEX hostile_i ON hostile_t (a)");
    database.run("ANALYZE");
    database.run("DELETE FROM sqlite_stat1");
    database.run(
      "INSERT INTO sqlite_stat1 SELECT tbl_name, name, '-1 99999999999999999999 0 unordered sz=-5 ' || hex(zeroblob(5000)) FROM sqlite_schema WHERE type = 'index'",
    );
  }),
  "a view that never ends": changing((database) => {
    database.run(`CREATE VIEW hostile_v AS ${ENDLESS}`);
  }),
  "a page size of nonsense": bytesAt(16, [0x0b, 0xad]),
  "a page count of 2^31": bytesAt(28, [0x7f, 0xff, 0xff, 0xff]),
  "a file format of the future": bytesAt(18, [0x7f, 0x7f]),
  "a schema format of the future": bytesAt(44, [0, 0, 0, 0x7f]),
  "a text encoding that is none": bytesAt(56, [0, 0, 0, 9]),
  "free pages that are nonsense": bytesAt(32, [0, 0, 0, 2, 0x7f, 0xff, 0xff, 0xff]),
};
