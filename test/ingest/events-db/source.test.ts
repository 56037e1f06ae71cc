import { describe, expect, it } from "bun:test";
import { Database } from "bun:sqlite";
import { chmodSync, readFileSync } from "node:fs";
import { EventsDb } from "../../../src/ingest/events-db/source.ts";
import { openUsageDb } from "../../../src/index.ts";
import { codeOf, errorOf } from "../../support/error-of.ts";
import {
  adoptFile as adopt,
  fillEventsDb,
  oldFile,
  PLAIN,
  tableOf,
} from "../../support/events-db.ts";
import { chance } from "../../support/fault-rounds.ts";
import { asOrdinaryUser } from "../../support/ordinary-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";

describe("EventsDb", () => {
  it("reads what only the WAL of a killed program holds, and leaves both files as they are", async () => {
    using folder = tempFolder();
    const path = oldFile(folder.at("events.db"), () => undefined);
    const program = `const db = new (require("bun:sqlite").Database)(${JSON.stringify(path)});
      db.run("INSERT INTO usage_snapshots (session_id, snapshot_data) VALUES ('s', '{}')");
      process.kill(process.pid, 9);`;
    await Bun.spawn([process.execPath, "-e", program]).exited;
    const before = [readFileSync(path), readFileSync(`${path}-wal`)];
    expect(before[1]?.length).toBeGreaterThan(0);
    using db = openUsageDb(":memory:");
    expect(tableOf(adopt(db, path), "usage_snapshots")?.broughtIn).toBe(1);
    expect([readFileSync(path), readFileSync(`${path}-wal`)]).toEqual(before);
  });

  it.each([
    ["no table", "", "it holds no table"],
    ["other tables", "CREATE TABLE notes (id)", "it holds only the tables notes"],
    [
      "another events table",
      "CREATE TABLE events (id INTEGER PRIMARY KEY, title)",
      "its table events has no column source_app, session_id, hook_event_type, payload, timestamp",
    ],
    [
      "another key",
      "CREATE TABLE usage_snapshots (id TEXT PRIMARY KEY, session_id, snapshot_data, snapshot_type, timestamp)",
      "the key of its table usage_snapshots is not an integer id",
    ],
    ["another application", "PRAGMA application_id = 7", "its application_id is 0x7"],
  ])("refuses a file with %s, naming it", (_, sql, observed) => {
    using folder = tempFolder();
    const db = new Database(folder.at("x.db"));
    db.run(sql === "" ? "CREATE TABLE t (a)" : sql);
    if (sql === "") db.run("DROP TABLE t");
    db.close(true);
    const error = errorOf(() => new EventsDb(folder.at("x.db")));
    expect(error.toJSON()).toMatchObject({ code: "ADOPT_SOURCE_UNKNOWN", details: { observed } });
  });

  it("refuses a database of usagedb, a missing file and what is no database", async () => {
    using folder = tempFolder();
    openUsageDb(folder.at("ours.db")).close();
    await Bun.write(folder.at("text"), "x".repeat(5000));
    expect(codeOf(() => new EventsDb(folder.at("ours.db")))).toBe("ADOPT_SOURCE_UNKNOWN");
    expect(codeOf(() => new EventsDb(folder.at("none.db")))).toBe("DATABASE_NOT_FOUND");
    expect(codeOf(() => new EventsDb(folder.at("text")))).toBe("DATABASE_NOT_SQLITE");
    expect(codeOf(() => new EventsDb(folder.path))).toBe("DATABASE_PATH_INVALID");
  });

  it("says to copy a file from a folder that may not be written", () => {
    using folder = tempFolder();
    const path = oldFile(folder.at("events.db"), () => undefined);
    chmodSync(path, 0o644);
    chmodSync(folder.path, 0o555);
    const error = asOrdinaryUser(() => errorOf(() => new EventsDb(path)));
    chmodSync(folder.path, 0o755);
    expect([error.code, error.hint]).toEqual([
      "DATABASE_READONLY",
      expect.stringContaining("Copy the file"),
    ]);
  });

  it("takes a file from before its version 1, which has events only", () => {
    using folder = tempFolder();
    const path = oldFile(folder.at("events.db"), (old) => {
      fillEventsDb(old, PLAIN, 5, chance(1));
      for (const table of ["usage_snapshots", "usage_config", "schema_migrations", "themes"])
        old.run(`DROP TABLE ${table}`);
    });
    using db = openUsageDb(":memory:");
    const report = adopt(db, path);
    expect(report.tables.map(({ read, broughtIn }) => [read, broughtIn])).toEqual([
      [5, 5],
      [0, 0],
      [0, 0],
    ]);
    expect(report.leftAlone).toEqual([]);
  });

  it.each([
    ["its ledger", () => undefined, "LEDGER_FOREIGN"],
    ["no ledger", (old: Database) => old.run("DROP TABLE schema_migrations"), "DATABASE_FOREIGN"],
  ] as const)(
    "is what the hint leads to when a file with %s is opened as ours",
    (_, fill, code) => {
      using folder = tempFolder();
      const path = oldFile(folder.at("events.db"), (old) => void fill(old));
      const error = errorOf(() => openUsageDb(path));
      expect([error.code, error.hint]).toEqual([
        code,
        expect.stringContaining(`usagedb migrate adopt ${path}`),
      ]);
    },
  );
});
