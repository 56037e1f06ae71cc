import { afterAll, describe, expect, it } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { openUsageDb, recoverDatabase, type RecoverReport } from "../../src/index.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { verifyRollups } from "../../src/index.ts";
import { DamagedBytes, fillDatabase, rowsOf, settle } from "../support/damaged.ts";
import { codeOf, errorOf } from "../support/error-of.ts";
import { fillMaintained } from "../support/maintained.ts";
import { chance, FAULT_ROUNDS } from "../support/fault-rounds.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { NOON } from "../support/usage-db.ts";

const PAGE = 4096;

/** Filled once; each test damages a copy of its own. */
const templates = tempFolder();
afterAll(() => templates[Symbol.dispose]());

function copyFilled(path: string): void {
  const template = templates.at("filled.db");
  if (!existsSync(template)) {
    fillDatabase(template);
    settle(template);
  }
  cpSync(template, path);
}

async function copyMaintained(path: string): Promise<void> {
  const template = templates.at("maintained.db");
  if (!existsSync(template)) {
    await fillMaintained(template);
    settle(template);
  }
  cpSync(template, path);
}

function hashOf(path: string): string {
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

/** Rows of the original that the new file has not, and rows that the original never had. */
function compare(
  original: Map<string, Set<string>>,
  path: string,
): { lost: string[]; invented: string[] } {
  const lost: string[] = [];
  const invented: string[] = [];
  const saved = rowsOf(path);
  for (const [table, rows] of original) {
    const now = saved.get(table) ?? new Set();
    for (const row of rows) if (!now.has(row)) lost.push(`${table} ${row}`);
    for (const row of now) if (!rows.has(row)) invented.push(`${table} ${row}`);
  }
  return { lost, invented };
}

function tableOf(report: RecoverReport, name: string): RecoverReport["tables"][number] {
  const table = report.tables.find(({ table: known }) => known === name);
  if (table === undefined) throw new Error(`No table ${name}`);
  return table;
}

function rootOf(path: string, name: string): number {
  using connection = openConnection(path, { mode: "existing" });
  return Number(
    connection.readOnce("SELECT rootpage FROM sqlite_schema WHERE name = ?", name)[0]?.[0],
  );
}

function leavesOf(path: string, name: string): number[] {
  using connection = openConnection(path, { mode: "existing" });
  return connection
    .readOnce("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", name)
    .map(([page]) => Number(page));
}

const zeroPages = (path: string, pages: readonly number[]): void => {
  using bytes = new DamagedBytes(path);
  for (const page of pages) bytes.zero((page - 1) * PAGE, PAGE);
};

/** What readers see of texts and of 64-bit hashes, exactly. */
function saidOf(path: string): { payloads: string[]; hashes: unknown[] } {
  using db = openUsageDb(path, { mode: "read", now: () => NOON });
  const hashes = ["event_fold_keys", "usage_message_fold_keys"].map((table) =>
    db.connection.readOnce(
      `SELECT group_concat(key, ' ') FROM (SELECT ${table === "event_fold_keys" ? "event_hash" : "message_hash"} AS key FROM ${table} ORDER BY 1)`,
    ),
  );
  return { payloads: db.events.after(0).map(({ payload }) => JSON.stringify(payload)), hashes };
}

describe("recoverDatabase()", () => {
  it("copies a sound database whole, with its WAL, and never touches it", () => {
    using folder = tempFolder();
    copyFilled(folder.at("live.db"));
    using open = openConnection(folder.at("live.db"), { mode: "existing" });
    open.runOnce("PRAGMA wal_autocheckpoint = 0");
    open.runOnce("INSERT INTO sessions (session_id) VALUES ('only in the WAL')");
    // The copy is a database that nobody has open.
    cpSync(folder.at("live.db"), folder.at("usage.db"));
    cpSync(folder.at("live.db-wal"), folder.at("usage.db-wal"));
    const before = ["usage.db", "usage.db-wal"].map((name) => hashOf(folder.at(name)));
    const report = recoverDatabase(folder.at("usage.db"), folder.at("saved.db"), {
      now: () => NOON,
    });
    expect(report).toMatchObject({
      isWhole: true,
      refusedFile: null,
      strayRows: 0,
      differences: [],
    });
    expect(["usage.db", "usage.db-wal"].map((name) => hashOf(folder.at(name)))).toEqual(before);
    expect(existsSync(folder.at("usage.db-shm"))).toBe(false);
    expect(statSync(folder.at("saved.db")).mode & 0o777).toBe(0o600);
    using saved = openUsageDb(folder.at("saved.db"), { mode: "read", now: () => NOON });
    expect(saved.sessions.get("only in the WAL")).not.toBeNull();
    open.close();
    expect(compare(rowsOf(folder.at("live.db")), folder.at("saved.db"))).toEqual({
      lost: [],
      invented: [],
    });
  });

  it("leaves nothing beside the new file", () => {
    using folder = tempFolder();
    copyFilled(folder.at("usage.db"));
    recoverDatabase(folder.at("usage.db"), folder.at("saved.db"));
    expect(readdirSync(folder.path).sort()).toEqual(["saved.db", "usage.db"]);
  });

  it("names the working folder that a killed run left, and leaves it", () => {
    using folder = tempFolder();
    copyFilled(folder.at("usage.db"));
    const left = folder.at(".usage.db.recover-aB3dEf");
    mkdirSync(left);
    const report = recoverDatabase(folder.at("usage.db"), folder.at("saved.db"));
    expect(report.abandoned).toEqual([left]);
    expect(existsSync(left)).toBe(true);
  });

  it("refuses to read a file that this process has open, whose locks it would take away", () => {
    using folder = tempFolder();
    copyFilled(folder.at("usage.db"));
    using _ = openConnection(folder.at("usage.db"), { mode: "existing" });
    expect(codeOf(() => recoverDatabase(folder.at("usage.db"), folder.at("saved.db")))).toBe(
      "DATABASE_BUSY",
    );
  });

  it("loses only the rows of leaves that are gone, and says how many", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    settle(path);
    const original = rowsOf(path);
    const leaves = leavesOf(path, "usage_snapshots");
    zeroPages(path, [leaves[1] ?? 0, leaves[3] ?? 0]);
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    const table = tableOf(report, "usage_snapshots");
    const { lost, invented } = compare(original, folder.at("saved.db"));
    expect(report.isWhole).toBe(false);
    expect(table.expected).toBe(300);
    // SQLite finds its way around the damage by itself.
    expect(table.fromPages).toBe(0);
    expect(lost.every((row) => row.startsWith("usage_snapshots"))).toBe(true);
    expect({ lost: lost.length, invented }).toEqual({ lost: 300 - table.saved, invented: [] });
    expect(lost.length).toBeGreaterThan(0);
    expect(table.saved).toBeGreaterThan(200);
    expect(table.unreadablePages.flat()).toContain(leaves[1] ?? 0);
  });

  it.each(["events", "usage_message_rows", "sessions", "usage_rollups"])(
    "loses no row of %s when the page at the top of its tree is gone",
    (name) => {
      using folder = tempFolder();
      const path = folder.at("usage.db");
      fillDatabase(path, { rows: 800, sessions: 200 });
      settle(path);
      const original = rowsOf(path);
      const root = rootOf(path, name);
      expect(leavesOf(path, name)).not.toContain(root);
      zeroPages(path, [root]);
      const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
      const { lost, invented } = compare(original, folder.at("saved.db"));
      // The inner pages of a table WITHOUT ROWID hold rows themselves; hours are summed anew from messages.
      expect({ lost, invented }).toEqual({ lost: [], invented: [] });
      expect(report.isWhole).toBe(false);
    },
  );

  it("brings names back from the index that has them too", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    fillDatabase(path, { sessions: 600, rows: 600 });
    settle(path);
    const original = rowsOf(path);
    zeroPages(path, leavesOf(path, "usage_names").slice(0, 2));
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(tableOf(report, "usage_names").fromIndexes).toBeGreaterThan(0);
    expect(compare(original, folder.at("saved.db"))).toEqual({ lost: [], invented: [] });
  });

  it("finds everything without the first page, by the pointer map and by the shape of the rows", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    settle(path);
    const original = rowsOf(path);
    zeroPages(path, [1]);
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(report).toMatchObject({ isHeaderReadable: false, isSchemaWhole: false, isWhole: false });
    expect(compare(original, folder.at("saved.db"))).toEqual({ lost: [], invented: [] });
  });

  it.each([
    ["another page size", 16, [0x20, 0x00]],
    ["a page size that is none", 16, [0x12, 0x34]],
    ["another magic", 0, [0x58]],
  ])("finds everything under a header with %s", (_, at, wrong) => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    settle(path);
    const original = rowsOf(path);
    {
      using bytes = new DamagedBytes(path);
      bytes.write(at, Buffer.from(wrong));
    }
    recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(compare(original, folder.at("saved.db"))).toEqual({ lost: [], invented: [] });
  });

  it("does not bring back what was deleted, even without the list of free pages", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    {
      using connection = openConnection(path, { mode: "existing" });
      connection.runOnce("DELETE FROM events WHERE id > 100");
      expect(connection.readOnce("PRAGMA freelist_count").flat()[0]).toBeGreaterThan(5);
    }
    settle(path);
    const original = rowsOf(path);
    zeroPages(path, [1]);
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(compare(original, folder.at("saved.db"))).toEqual({ lost: [], invented: [] });
    expect([report.strayRows, report.refusedFile]).toEqual([0, null]);
  });

  it("tells tables by their rows when no page of the schema is left", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    settle(path);
    const original = rowsOf(path);
    zeroPages(path, [1, ...leavesOf(path, "sqlite_schema")]);
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    const { lost, invented } = compare(original, folder.at("saved.db"));
    expect(invented).toEqual([]);
    expect({ lost, aside: report.strayRows }).toEqual({ lost: [], aside: 0 });
  });

  it("saves what maintenance left, with every table filled, and expands what was compacted", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    await copyMaintained(path);
    settle(path);
    const original = rowsOf(path);
    expect([...original].filter(([, rows]) => rows.size === 0)).toEqual([]);
    const said = saidOf(path);
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(report).toMatchObject({ isWhole: true, strayRows: 0, differences: [] });
    expect(compare(original, folder.at("saved.db"))).toEqual({ lost: [], invented: [] });
    expect(saidOf(folder.at("saved.db"))).toEqual(said);
    expect(said.payloads.some((text) => text.length > 1000)).toBe(true);
  });

  it.each(["the first page", "every page of the schema"])(
    "puts aside what it cannot tell, and invents nothing, after maintenance and without %s",
    async (gone) => {
      using folder = tempFolder();
      const path = folder.at("usage.db");
      await copyMaintained(path);
      settle(path);
      const original = rowsOf(path);
      zeroPages(path, gone === "the first page" ? [1] : [1, ...leavesOf(path, "sqlite_schema")]);
      const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
      const { lost, invented } = compare(original, folder.at("saved.db"));
      // What was lost stands in the side file, row by row.
      expect({ lost: lost.length, invented }).toEqual({ lost: report.strayRows, invented: [] });
    },
  );

  it.each([
    "events",
    "usage_message_folds",
    "usage_message_fold_keys",
    "retention_policies",
    "usage_forgotten",
  ])("invents nothing when every page of %s is gone after maintenance", async (name) => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    await copyMaintained(path);
    settle(path);
    const original = rowsOf(path);
    zeroPages(path, [rootOf(path, name), ...leavesOf(path, name)]);
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    const { lost, invented } = compare(original, folder.at("saved.db"));
    expect(report.isWhole).toBe(false);
    expect(lost.filter((row) => !row.startsWith(`${name} `))).toEqual([]);
    expect(invented.filter((row) => !isSwitchedOff(row))).toEqual([]);
  });

  it("reads a file that was cut off as far as it goes", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    settle(path);
    const original = rowsOf(path);
    {
      using bytes = new DamagedBytes(path);
      bytes.truncate(bytes.sizeBytes - 5 * PAGE - 100);
    }
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(report.missingPages).toHaveLength(1);
    expect(report.isWhole).toBe(false);
    expect(compare(original, folder.at("saved.db")).invented).toEqual([]);
  });

  it("passes over a WAL of junk, and what comes after the last whole commit, and says so", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    settle(path);
    const original = rowsOf(path);
    writeFileSync(`${path}-wal`, Buffer.alloc(40_000, 7));
    const junk = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(junk).toMatchObject({ wal: { isReadable: false, usedFrames: 0 }, isWhole: false });
    expect(compare(original, folder.at("saved.db"))).toEqual({ lost: [], invented: [] });
  });

  it.each(["cut off", "changed by a bit"])(
    "counts the frames of a WAL that was %s inside a transaction",
    (how) => {
      using folder = tempFolder();
      const path = folder.at("live.db");
      copyFilled(path);
      settle(path);
      using open = openConnection(path, { mode: "existing" });
      open.runOnce("PRAGMA wal_autocheckpoint = 0");
      open.runOnce("INSERT INTO sessions (session_id) VALUES ('first')");
      open.transaction(() => {
        for (let index = 0; index < 2000; index++)
          open.prepare("INSERT INTO sessions (session_id) VALUES (?)").run(`second-${index}`);
      });
      cpSync(path, folder.at("usage.db"));
      cpSync(`${path}-wal`, folder.at("usage.db-wal"));
      {
        using bytes = new DamagedBytes(folder.at("usage.db-wal"));
        if (how === "cut off") bytes.truncate(bytes.sizeBytes - PAGE);
        else bytes.flip(bytes.sizeBytes - PAGE / 2);
      }
      const report = recoverDatabase(folder.at("usage.db"), folder.at("saved.db"), {
        now: () => NOON,
      });
      expect(report.wal?.cutFrames).toBeGreaterThan(5);
      using saved = openUsageDb(folder.at("saved.db"), { now: () => NOON });
      expect([saved.sessions.get("first")?.session_id, saved.sessions.get("second-1")]).toEqual([
        "first",
        null,
      ]);
    },
  );

  it("puts rows aside that no constraint lets in, and keeps every value of them", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    {
      using connection = openConnection(path, { mode: "existing" });
      connection.runOnce("PRAGMA ignore_check_constraints = ON");
      connection.runOnce("UPDATE usage_snapshots SET snapshot_data = 'no json' WHERE id = 7");
      connection.runOnce("PRAGMA foreign_keys = OFF");
      connection.runOnce("UPDATE usage_message_rows SET source_id = 99 WHERE id = 3");
      connection.runOnce("UPDATE usage_message_rows SET model_name_id = 9999 WHERE id = 4");
      connection.runOnce("DELETE FROM sessions WHERE session_id = 's2'");
    }
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    const messages = tableOf(report, "usage_message_rows");
    expect(Object.values(tableOf(report, "usage_snapshots").refused)).toEqual([1]);
    expect({
      changed: messages.changed,
      refused: Object.values(messages.refused),
      saved: messages.saved,
    }).toEqual({
      changed: 1,
      refused: [1],
      saved: 299,
    });
    expect(tableOf(report, "sessions").rebuilt).toBe(1);
    const lines = readFileSync(folder.at("saved.db.refused.jsonl"), "utf8").trim().split("\n");
    expect(statSync(folder.at("saved.db.refused.jsonl")).mode & 0o777).toBe(0o600);
    expect(
      lines.map((line) => JSON.parse(line)).filter(({ table }) => table === "usage_snapshots"),
    ).toMatchObject([{ rowid: 7, row: { id: 7, snapshot_data: "no json", session_id: "s6" } }]);
    expect(lines).toHaveLength(3);
  });

  it("tells where hours and messages disagree afterwards", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    settle(path);
    zeroPages(path, leavesOf(path, "usage_message_rows").slice(1, 2));
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(report.differences.length).toBeGreaterThan(0);
    using saved = openUsageDb(folder.at("saved.db"), { now: () => NOON });
    expect(verifyRollups(saved)).toEqual([...report.differences]);
  });

  it("saves a database of an older version, and brings it up to date", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    {
      using db = openUsageDb(path, { migrate: false, now: () => NOON });
      db.migrations.up({ target: 5 });
      db.connection.runOnce("INSERT INTO sessions (session_id) VALUES ('old')");
      db.connection.runOnce(
        `INSERT INTO usage_messages (agent, message_id, session_id, project, model, timestamp, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens) VALUES ('claude', 'm', 'old', '/p', 'x', ${NOON}, 1, 2, 3, 4, 5)`,
      );
    }
    const report = recoverDatabase(path, folder.at("saved.db"), { now: () => NOON });
    expect(report).toMatchObject({ version: 5, versionFrom: "ledger" });
    using saved = openUsageDb(folder.at("saved.db"), { mode: "read", now: () => NOON });
    expect(saved.messages.count()).toBe(1);
  });

  it.each([
    [
      "text",
      "not a database, but long enough to be taken for one".repeat(300),
      "DATABASE_NOT_SQLITE",
    ],
    ["zeros", "\0".repeat(40_000), "DATABASE_NOT_SQLITE"],
    ["nothing", "", "DATABASE_NOT_SQLITE"],
  ])("refuses a file of %s by name", (_, content, code) => {
    using folder = tempFolder();
    writeFileSync(folder.at("usage.db"), content);
    const error = errorOf(() => recoverDatabase(folder.at("usage.db"), folder.at("saved.db")));
    expect(error.code as string).toBe(code);
    expect(error.message).toContain(folder.at("usage.db"));
    expect(readdirSync(folder.path)).toEqual(["usage.db"]);
  });

  it("refuses the database of another application, and an existing target", () => {
    using folder = tempFolder();
    {
      using other = openConnection(folder.at("other.db"));
      other.runOnce("CREATE TABLE notes (id INTEGER PRIMARY KEY)");
    }
    expect(codeOf(() => recoverDatabase(folder.at("other.db"), folder.at("saved.db")))).toBe(
      "DATABASE_FOREIGN",
    );
    copyFilled(folder.at("usage.db"));
    writeFileSync(folder.at("saved.db"), "mine");
    expect(codeOf(() => recoverDatabase(folder.at("usage.db"), folder.at("saved.db")))).toBe(
      "BACKUP_TARGET_INVALID",
    );
    expect(readFileSync(folder.at("saved.db"), "utf8")).toBe("mine");
  });

  it("says when nothing can be saved, and makes no file", () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    copyFilled(path);
    settle(path);
    {
      using bytes = new DamagedBytes(path);
      bytes.zero(100, bytes.sizeBytes - 100);
    }
    expect(codeOf(() => recoverDatabase(path, folder.at("saved.db")))).toBe("RECOVERY_EMPTY");
    expect(existsSync(folder.at("saved.db"))).toBe(false);
  });

  // Strategy: random damage of whole pages and single bytes to a small file of random page size. Invariants: no crash;
  // the damaged file stays as it is; the balance adds up; every row saved is an original one, except on a page in which
  // bytes were flipped; every row that SQLite itself reads by a plain scan is saved or put aside.
  it(
    "invents nothing and misses nothing that SQLite can read, whatever the damage",
    async () => {
      const dice = chance();
      using folder = tempFolder();
      for (let round = 0; round < 5 * FAULT_ROUNDS; round++) {
        const isMaintained = round % 2 === 1;
        const sizes = isMaintained ? [PAGE] : [512, 1024, PAGE, 65_536];
        const pageSize = sizes[Math.floor(dice.next() * sizes.length)] ?? PAGE;
        const path = folder.at(`usage-${round}.db`);
        if (isMaintained) await copyMaintained(path);
        else fillDatabase(path, { pageSize, rows: 80, sessions: 12 });
        settle(path);
        const original = rowsOf(path);
        const isFlipped = dice.next() < 0.4;
        const hidesSchema = dice.next() < 0.5;
        const schemaPages = [1, ...leavesOf(path, "sqlite_schema")];
        {
          using bytes = new DamagedBytes(path);
          const pages = Math.floor(bytes.sizeBytes / pageSize);
          for (let hit = 0; hit < 1 + dice.next() * 4; hit++) {
            const page = 1 + Math.floor(dice.next() * (pages - 1));
            if (isFlipped) bytes.flip(page * pageSize + Math.floor(dice.next() * pageSize));
            else bytes.zero(page * pageSize, pageSize);
          }
          if (hidesSchema)
            for (const page of schemaPages) bytes.zero((page - 1) * pageSize, pageSize);
        }
        const before = hashOf(path);
        const context = `USAGEDB_FAULT_SEED=${dice.seed} round ${round} page size ${pageSize}`;
        try {
          const report = recoverDatabase(path, folder.at(`saved-${round}.db`), { now: () => NOON });
          expect({ context, hash: hashOf(path) }).toEqual({ context, hash: before });
          const { invented } = compare(original, folder.at(`saved-${round}.db`));
          const strange = invented.filter((row) => !isFlipped && !isStandIn(row));
          expect({ context, strange }).toEqual({ context, strange: [] });
          expect({ context, missed: missedRows(path, folder.at(`saved-${round}.db`)) }).toEqual({
            context,
            missed: [],
          });
          for (const { read, fromIndexes: _, saved, refused } of report.tables)
            expect({
              context,
              sum: saved + Object.values(refused).reduce((a, b) => a + b, 0),
            }).toEqual({ context, sum: read });
        } catch (error) {
          throw new Error(`${context}: ${error instanceof Error ? error.message : String(error)}`, {
            cause: error,
          });
        }
      }
    },
    30_000 * FAULT_ROUNDS,
  );
});

/** A session of which only the id is left, entered because others point at it; settings that a new database begins with. */
const isStandIn = (row: string): boolean =>
  /^(sessions|usage_config) /.test(row) || isSwitchedOff(row);

/** What is kept how long is not known any more, so everything is kept. */
const isSwitchedOff = (row: string): boolean =>
  row.startsWith("retention_policies ") && row.endsWith(`,null,${NOON}]`);

/** Rows that a plain scan of the damaged file gives and that are neither in the new file nor in the side file. */
function missedRows(damaged: string, saved: string): string[] {
  cpSync(damaged, `${damaged}.look`);
  const side = existsSync(`${saved}.refused.jsonl`)
    ? readFileSync(`${saved}.refused.jsonl`, "utf8")
    : "";
  const known = rowsOf(saved);
  const missed: string[] = [];
  using look = openConnection(`${saved}`, { mode: "existing" });
  for (const [table, rows] of known) {
    const info = look.readOnce(`SELECT name, "notnull" FROM pragma_table_info('${table}')`);
    const columns = info.map(([name]) => String(name));
    for (const row of plainScan(`${damaged}.look`, table)) {
      if (rows.has(row)) continue;
      const values = JSON.parse(row) as unknown[];
      // What SQLite makes of a page of zeros is no row of this table.
      if (info.some(([, isNotNull], index) => isNotNull === 1 && values[index] === null)) continue;
      const named = JSON.stringify(
        Object.fromEntries(columns.map((name, index) => [name, values[index]])),
      );
      if (!side.includes(named)) missed.push(`${table} ${row}`);
    }
  }
  return missed;
}

function plainScan(path: string, table: string): string[] {
  const { Database } = require("bun:sqlite") as typeof import("bun:sqlite");
  const database = new Database(path, { readonly: true });
  const rows: string[] = [];
  try {
    for (const row of database.query(`SELECT * FROM "${table}" NOT INDEXED`).iterate())
      rows.push(JSON.stringify(Object.values(row as object)));
  } catch (error) {
    if (!(error instanceof Error && error.name === "SQLiteError")) throw error;
  } finally {
    database.close();
  }
  return rows;
}
