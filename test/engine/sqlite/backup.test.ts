import { describe, expect, it } from "bun:test";
import { Database } from "bun:sqlite";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { backupDatabase } from "../../../src/engine/sqlite/backup.ts";
import { restoreDatabase } from "../../../src/engine/sqlite/restore.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { errorOf, errorOfAsync } from "../../support/error-of.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";

/** A database with a table of so many rows, each with the given text. */
function database(folder: TempFolder, name: string, rows: number, text = "x"): string {
  using connection = openConnection(folder.at(name));
  connection.runOnce("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT");
  connection.transaction(() => {
    for (let i = 0; i < rows; i++)
      connection.prepare("INSERT INTO notes (text) VALUES (?)").run(`${text}${i}`);
  });
  return folder.at(name);
}

function notes(path: string): unknown[] {
  using file = new Database(path, { readonly: true });
  return file.query("SELECT count(*), min(text) FROM notes").values()[0] as unknown[];
}

describe("backupDatabase()", () => {
  it("writes a private, whole copy with its hash beside it, and no drafts", () => {
    using folder = tempFolder();
    using connection = openConnection(database(folder, "live.db", 500));
    mkdirSync(folder.at("safe"));
    const report = backupDatabase(connection, folder.at("safe", "copy.db"));
    expect(readdirSync(folder.at("safe")).sort()).toEqual(["copy.db", "copy.db.sha256"]);
    expect(report.rows).toEqual({ notes: 500 });
    for (const name of ["copy.db", "copy.db.sha256"])
      expect(statSync(folder.at("safe", name)).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(report.path);
    expect(report.sha256).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
    expect(readFileSync(`${report.path}.sha256`, "utf8")).toBe(`${report.sha256}  copy.db\n`);
    expect(notes(report.path)).toEqual([500, "x0"]);
  });

  it("holds what was committed when it began, while another process goes on writing", () => {
    using folder = tempFolder();
    using connection = openConnection(database(folder, "live.db", 10));
    using writer = openConnection(folder.at("live.db"));
    writer.runOnce("BEGIN IMMEDIATE");
    writer.runOnce("INSERT INTO notes (text) VALUES ('not yet')");
    expect(backupDatabase(connection, folder.at("copy.db")).rows).toEqual({ notes: 10 });
    writer.runOnce("COMMIT");
    expect(notes(folder.at("live.db"))[0]).toBe(11);
  });

  it("never overwrites, follows no link and needs a folder", () => {
    using folder = tempFolder();
    using connection = openConnection(database(folder, "live.db", 1));
    writeFileSync(folder.at("taken.db"), "precious");
    symlinkSync(folder.at("elsewhere.db"), folder.at("link.db"));
    for (const target of ["taken.db", "link.db", "none/copy.db", "live.db", "live.db-journal"]) {
      expect(errorOf(() => backupDatabase(connection, folder.at(target))).code).toBe(
        "BACKUP_TARGET_INVALID",
      );
    }
    expect(readFileSync(folder.at("taken.db"), "utf8")).toBe("precious");
    expect(existsSync(folder.at("elsewhere.db"))).toBe(false);
  });

  it("takes the place of a hash that a killed run left, and of nothing else", () => {
    using folder = tempFolder();
    const path = database(folder, "live.db", 10);
    using connection = openConnection(path);
    const hash = `${folder.at("copy.db")}.sha256`;
    writeFileSync(hash, `${"0".repeat(64)}  other.db\n`);
    expect(errorOf(() => backupDatabase(connection, folder.at("copy.db"))).code).toBe(
      "BACKUP_TARGET_INVALID",
    );
    writeFileSync(hash, `${"0".repeat(64)}  copy.db\n`);
    const { sha256 } = backupDatabase(connection, folder.at("copy.db"));
    expect(readFileSync(hash, "utf8")).toBe(`${sha256}  copy.db\n`);
    expect(statSync(hash).mode & 0o777).toBe(0o600);
  });

  it("leaves nothing behind when the disk is full or the database is broken", () => {
    using folder = tempFolder();
    const path = database(folder, "live.db", 4000, "some longer text to fill a few pages ");
    const bytes = readFileSync(path);
    bytes.fill(0xff, 4096 * 5, 4096 * 9);
    writeFileSync(folder.at("broken.db"), bytes);
    using connection = openConnection(folder.at("broken.db"));
    expect(["DATABASE_CORRUPT", "BACKUP_UNVERIFIED"]).toContain(
      errorOf(() => backupDatabase(connection, folder.at("copy.db"))).code,
    );
    expect(readdirSync(folder.path).filter((name) => name.includes("copy"))).toEqual([]);
  });
});

describe("restoreDatabase()", () => {
  it("brings back every row, and only those, while the database is open elsewhere", async () => {
    using folder = tempFolder();
    using connection = openConnection(database(folder, "live.db", 300));
    backupDatabase(connection, folder.at("copy.db"));
    connection.runOnce("DELETE FROM notes");
    connection.runOnce("CREATE TABLE later (id INTEGER PRIMARY KEY)");
    expect(await restoreDatabase(folder.at("copy.db"), folder.at("live.db"))).toMatchObject({
      restoredTo: folder.at("live.db"),
      rows: { notes: 300 },
    });
    expect(connection.readOnce("SELECT count(*) FROM notes")).toEqual([[300]]);
    expect(connection.readOnce("SELECT count(*) FROM sqlite_schema WHERE name = 'later'")).toEqual([
      [0],
    ]);
    expect(connection.readOnce("PRAGMA journal_mode")).toEqual([["wal"]]);
  });

  it("is not blended with a WAL that lies beside the database", async () => {
    using folder = tempFolder();
    using connection = openConnection(database(folder, "live.db", 300, "old"));
    backupDatabase(connection, folder.at("copy.db"));
    connection.runOnce("UPDATE notes SET text = 'new' || id");
    // As a crash leaves them: the database and its WAL, copied while nobody moved.
    cpSync(folder.at("live.db"), folder.at("crashed.db"));
    cpSync(folder.at("live.db-wal"), folder.at("crashed.db-wal"));
    await restoreDatabase(folder.at("copy.db"), folder.at("crashed.db"));
    expect(notes(folder.at("crashed.db"))).toEqual([300, "old0"]);
    using restored = openConnection(folder.at("crashed.db"));
    expect(restored.readOnce("SELECT count(*) FROM notes WHERE text LIKE 'new%'")).toEqual([[0]]);
  });

  it("says that the database is busy, or a link, and leaves it alone", async () => {
    using folder = tempFolder();
    using connection = openConnection(database(folder, "live.db", 3));
    const { path } = backupDatabase(connection, folder.at("copy.db"));
    connection.runOnce("UPDATE notes SET text = 'kept'");
    connection.runOnce("BEGIN IMMEDIATE");
    const busy = await errorOfAsync(restoreDatabase(path, folder.at("live.db"), 50));
    connection.runOnce("ROLLBACK");
    expect([busy.code, busy.exitCode]).toEqual(["DATABASE_BUSY", 4]);
    symlinkSync(folder.at("live.db"), folder.at("link.db"));
    const link = await errorOfAsync(restoreDatabase(path, folder.at("link.db")));
    expect(link.code).toBe("DATABASE_PATH_INVALID");
    expect(connection.readOnce("SELECT DISTINCT text FROM notes")).toEqual([["kept"]]);
  });

  it("makes the file when it is gone, privately", async () => {
    using folder = tempFolder();
    using connection = openConnection(database(folder, "live.db", 3));
    backupDatabase(connection, folder.at("copy.db"));
    await restoreDatabase(folder.at("copy.db"), folder.at("again.db"));
    expect(notes(folder.at("again.db"))[0]).toBe(3);
    expect(statSync(folder.at("again.db")).mode & 0o777).toBe(0o600);
  });

  it("refuses a backup that changed since, that is no database or that is not there, and leaves the database alone", async () => {
    using folder = tempFolder();
    using connection = openConnection(database(folder, "live.db", 300));
    const { path } = backupDatabase(connection, folder.at("copy.db"));
    connection.runOnce("UPDATE notes SET text = 'kept'");
    chmodSync(path, 0o600);
    const bytes = readFileSync(path);
    // Inside a value: every page is as sound as before, and only the hash can tell.
    bytes.write("y", bytes.indexOf("x150"));
    writeFileSync(path, bytes);
    writeFileSync(folder.at("text.db"), "hello ".repeat(1000));
    const codes = [];
    for (const file of [path, folder.at("text.db"), folder.at("none.db"), folder.at("live.db")]) {
      codes.push((await errorOfAsync(restoreDatabase(file, folder.at("live.db")))).code);
    }
    expect(codes).toEqual([
      "BACKUP_UNVERIFIED",
      "DATABASE_NOT_SQLITE",
      "BACKUP_TARGET_INVALID",
      "BACKUP_TARGET_INVALID",
    ]);
    expect(connection.readOnce("SELECT DISTINCT text FROM notes")).toEqual([["kept"]]);
  });

  /**
   * Strategy: restores between two contents are killed with SIGKILL at random moments.
   * Invariant: the database is whole, and is one of the two, never a blend.
   */
  const seed = Number(process.env["USAGEDB_TEST_SEED"] ?? Date.now() % 1_000_000);
  it(`leaves old or new after a kill at any moment (seed ${seed})`, async () => {
    let state = seed;
    const random = (): number => (state = (state * 48_271 + 11) % 2_147_483_647) / 2_147_483_647;
    using folder = tempFolder();
    {
      using a = openConnection(database(folder, "a.db", 20_000, "a"));
      using b = openConnection(database(folder, "b.db", 20_000, "b"));
      backupDatabase(a, folder.at("a.backup"));
      backupDatabase(b, folder.at("b.backup"));
    }
    const script = `import { restoreDatabase } from "./src/index.ts";
      await restoreDatabase(process.argv[1], process.argv[2]);`;
    const restore = (source: string): Bun.Subprocess =>
      Bun.spawn([process.execPath, "-e", script, source, folder.at("live.db")], {
        stdout: "ignore",
        stderr: "ignore",
      });
    const startedAt = performance.now();
    await restore(folder.at("a.backup")).exited;
    const undisturbedMs = performance.now() - startedAt;
    let killed = 0;
    for (let round = 0; round < 24; round++) {
      const child = restore(folder.at(round % 2 === 0 ? "b.backup" : "a.backup"));
      // The second half of its life, where the writing is.
      await Bun.sleep(undisturbedMs * (0.4 + random() * 0.6));
      child.kill("SIGKILL");
      if ((await child.exited) !== 0) killed++;
      using live = openConnection(folder.at("live.db"));
      const kinds = live.readOnce(
        "SELECT substr(text, 1, 1) AS kind, count(*) FROM notes GROUP BY kind",
      );
      expect(kinds).toHaveLength(1);
      expect(kinds[0]?.[1]).toBe(20_000);
      expect(live.readOnce("PRAGMA integrity_check")).toEqual([["ok"]]);
    }
    expect(killed).toBeGreaterThan(0);
  }, 30_000);
});
