import { describe, expect, it } from "bun:test";
import { Database } from "bun:sqlite";
import { readdirSync, renameSync } from "node:fs";
import { openUsageDb } from "../../../src/index.ts";
import { tempFolder, type TempFolder } from "../../support/temp-folder.ts";

async function usagedb(
  folder: TempFolder,
  ...argv: string[]
): Promise<{ stdout: string; stderr: string; exitCode: number }> {
  const child = Bun.spawn([process.execPath, `${process.cwd()}/src/cli/bin.ts`, ...argv], {
    cwd: folder.path,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { stdout, stderr, exitCode: await child.exited };
}

describe("usagedb backup and restore", () => {
  it("bring back what was deleted", async () => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("usage.db"));
    db.snapshots.insert({ session_id: "s", snapshot_data: { kept: true } });
    expect(await usagedb(folder, "backup", "safe.db", "--db", "usage.db", "--quiet")).toEqual({
      stdout: "",
      stderr: "",
      exitCode: 0,
    });
    db.connection.runOnce("DELETE FROM usage_snapshots");
    const restored = await usagedb(
      folder,
      "restore",
      "safe.db",
      "--db",
      "usage.db",
      "--yes",
      "--json",
    );
    expect(restored.exitCode).toBe(0);
    expect(JSON.parse(restored.stdout)).toMatchObject({
      restoredTo: folder.at("usage.db"),
      rows: { usage_snapshots: 1 },
    });
    expect(db.snapshots.list()).toHaveLength(1);
  });

  it("name the copy by the time when no name is given", async () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    expect((await usagedb(folder, "backup", "--db", "usage.db")).exitCode).toBe(0);
    expect(
      readdirSync(folder.path).filter((name) =>
        /^usage\.db\.\d{8}T\d{6}Z\.backup(\.sha256)?$/.test(name),
      ),
    ).toHaveLength(2);
  });

  it("do not replace anything without being told to", async () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    await usagedb(folder, "backup", "safe.db", "--db", "usage.db");
    const { stderr, exitCode } = await usagedb(folder, "restore", "safe.db", "--db", "usage.db");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("expected --yes");
  });

  it("serve a file that is migrated with a directory of its own, whatever its versions", async () => {
    using folder = tempFolder();
    const file = "20260101000000_notes.sql";
    await Bun.write(
      folder.at("m", file),
      "-- migrate:up\nCREATE TABLE notes (x);\n-- migrate:down\nDROP TABLE notes;\n",
    );
    await usagedb(folder, "migrate", "--dir", "m", "--db", "app.db");
    using app = new Database(folder.at("app.db"));
    app.run("INSERT INTO notes VALUES (1), (2)");
    expect(
      (await usagedb(folder, "migrate", "rollback", "--dir", "m", "--db", "app.db")).exitCode,
    ).toBe(0);
    const safety = readdirSync(folder.path).find((name) => name.endsWith(".backup")) ?? "none";
    expect((await usagedb(folder, "restore", safety, "--yes", "--db", "app.db")).exitCode).toBe(0);
    expect(app.query("SELECT count(*) AS n FROM notes").get()).toEqual({ n: 2 });
  });

  it("say how to restore over a damaged file", async () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    await usagedb(folder, "backup", "safe.db", "--db", "usage.db");
    await Bun.write(folder.at("usage.db"), "damaged ".repeat(1000));
    const { stderr, exitCode } = await usagedb(
      folder,
      "restore",
      "safe.db",
      "--yes",
      "--db",
      "usage.db",
    );
    expect([exitCode, stderr.includes("Move the damaged file")]).toEqual([1, true]);
    renameSync(folder.at("usage.db"), folder.at("usage.db.damaged"));
    expect(
      (await usagedb(folder, "restore", "safe.db", "--yes", "--db", "usage.db")).exitCode,
    ).toBe(0);
    openUsageDb(folder.at("usage.db"), { mode: "read" }).close();
  });

  it("touch no other application's file, and take no newer one in", async () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    await usagedb(folder, "backup", "safe.db", "--db", "usage.db");
    using foreign = new Database(folder.at("foreign.db"));
    foreign.run("CREATE TABLE bookmarks (url TEXT)");
    const { stderr, exitCode: refused } = await usagedb(
      folder,
      "restore",
      "safe.db",
      "--yes",
      "--db",
      "foreign.db",
    );
    expect([refused, stderr.includes("DATABASE_FOREIGN")]).toEqual([1, true]);
    using newer = new Database(folder.at("safe.db"));
    newer.run(
      `INSERT INTO schema_migrations (version, name, applied_at, execution_time_ms, schema_hash, tool_version)
       VALUES (99, 'from_the_future', 1770000000000, 1, 'x', '9.9.9')`,
    );
    newer.close();
    const { exitCode } = await usagedb(folder, "restore", "safe.db", "--yes", "--db", "usage.db");
    expect(exitCode).toBe(5);
    expect(foreign.query("SELECT count(*) AS n FROM bookmarks").get()).toEqual({ n: 0 });
  });
});
