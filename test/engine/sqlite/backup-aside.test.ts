import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { backupAside } from "../../../src/engine/sqlite/backup-aside.ts";
import { backupDatabase } from "../../../src/engine/sqlite/backup.ts";
import { restoreDatabase } from "../../../src/engine/sqlite/restore.ts";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { errorOfAsync } from "../../support/error-of.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";

function filled(folder: TempFolder, rows = 1000): Connection {
  const connection = openConnection(folder.at("a.db"));
  connection.runOnce(
    "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT, n INTEGER CHECK (n > 0)) STRICT",
  );
  connection.runOnce(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
     INSERT INTO t SELECT i, hex(randomblob(200)), i FROM n`,
  );
  return connection;
}

describe("backupAside()", () => {
  it("writes the same verified copy as the backup in one piece, for its owner only", async () => {
    using folder = tempFolder();
    using connection = filled(folder);
    const progress: number[] = [];
    const aside = await backupAside(connection.path, folder.at("aside"), {
      onProgress: (done) => progress.push(done),
    });
    const inOne = backupDatabase(connection, folder.at("in-one"));
    expect({ ...aside, path: "" }).toEqual({ ...inOne, path: "" });
    expect(aside).toMatchObject({ rows: { t: 1000 }, brokenRows: [] });
    expect(statSync(aside.path).mode & 0o777).toBe(0o600);
    const restored = await restoreDatabase(aside.path, folder.at("b.db"));
    expect(restored).toMatchObject({ sha256: aside.sha256, rows: { t: 1000 } });
    expect(readdirSync(folder.path).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("names rows that break a CHECK: the copy is whole, and has what the database has", async () => {
    using folder = tempFolder();
    using connection = filled(folder);
    connection.runOnce("PRAGMA ignore_check_constraints = ON");
    connection.runOnce("INSERT INTO t (n) VALUES (-1)");
    const brokenRows = ["CHECK constraint failed in t"];
    expect(await backupAside(connection.path, folder.at("aside"))).toMatchObject({ brokenRows });
    expect(backupDatabase(connection, folder.at("in-one"))).toMatchObject({ brokenRows });
    expect(await restoreDatabase(folder.at("aside"), folder.at("b.db"))).toMatchObject({
      brokenRows,
    });
  });

  it.each(["missing/copy", "taken"])("refuses %s and writes nothing", async (name) => {
    using folder = tempFolder();
    using connection = filled(folder);
    writeFileSync(folder.at("taken"), "");
    const before = readdirSync(folder.path);
    const error = await errorOfAsync(backupAside(connection.path, folder.at(name)));
    expect(error.code).toBe("BACKUP_TARGET_INVALID");
    expect(readdirSync(folder.path)).toEqual(before);
  });

  it("leaves nothing behind when it is cancelled, and the database as it was", async () => {
    using folder = tempFolder();
    using connection = filled(folder, 20_000);
    mkdirSync(folder.at("to"));
    const stop = new AbortController();
    const work = backupAside(connection.path, folder.at("to", "copy"), { signal: stop.signal });
    while (!readdirSync(folder.at("to")).some((name) => statSync(folder.at("to", name)).size > 0))
      await Bun.sleep(1);
    stop.abort();
    expect((await errorOfAsync(work)).code).toBe("CANCELLED");
    expect(readdirSync(folder.at("to"))).toEqual([]);
    expect(connection.readOnce("SELECT count(*) FROM t")).toEqual([[20_000]]);
    expect(existsSync(folder.at("to", "copy"))).toBe(false);
  });

  it("names the database that is damaged, and gives the copy no name", async () => {
    using folder = tempFolder();
    writeFileSync(folder.at("a.db"), "not a database ".repeat(500));
    const error = await errorOfAsync(backupAside(folder.at("a.db"), folder.at("copy")));
    expect(error.code).toBe("DATABASE_NOT_SQLITE");
    expect(readdirSync(folder.path)).toEqual(["a.db"]);
  });
});
