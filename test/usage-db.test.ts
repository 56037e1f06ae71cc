import { describe, expect, it } from "bun:test";
import { Database } from "bun:sqlite";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { openUsageDb } from "../src/index.ts";
import { APPLICATION_ID } from "../src/store/schema.ts";
import { errorOf } from "./support/error-of.ts";
import { tempFolder } from "./support/temp-folder.ts";

describe("openUsageDb()", () => {
  it("makes a private, migrated file that is marked as ours, and leaves nothing beside it after close", () => {
    using folder = tempFolder();
    const path = folder.at("deep", "er", "usage.db");
    const db = openUsageDb(path);
    db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    expect(statSync(folder.at("deep")).mode & 0o777).toBe(0o700);
    expect(db.connection.readOnce("PRAGMA application_id")).toEqual([[APPLICATION_ID]]);
    expect(db.migrations.status()).toMatchObject({ pendingCount: 0 });
    db.close();
    db.close();
    expect(readdirSync(folder.at("deep", "er"))).toEqual(["usage.db"]);
    expect(readdirSync("/proc/self/fd").length).toBeGreaterThan(0);
    expect(errorOf(() => db.snapshots.list()).code).toBe("DATABASE_CLOSED");
  });

  it("takes no write lock when there is nothing to do", () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    using holder = new Database(folder.at("usage.db"));
    holder.run("BEGIN IMMEDIATE");
    using db = openUsageDb(folder.at("usage.db"), { busyTimeoutMs: 0 });
    expect(db.config.get()?.plan).toBe("custom");
    holder.run("ROLLBACK");
  });

  it("reads without creating or changing anything", () => {
    using folder = tempFolder();
    expect(errorOf(() => openUsageDb(folder.at("none.db"), { mode: "read" })).code).toBe(
      "DATABASE_NOT_FOUND",
    );
    expect(readdirSync(folder.path)).toEqual([]);
    const writer = openUsageDb(folder.at("usage.db"));
    writer.migrations.rollback();
    writer.close();
    const error = errorOf(() => openUsageDb(folder.at("usage.db"), { mode: "read" }));
    expect([error.code, error.exitCode]).toEqual(["DATABASE_OUTDATED", 3]);
    openUsageDb(folder.at("usage.db")).close();
    using reader = openUsageDb(folder.at("usage.db"), { mode: "read" });
    expect(errorOf(() => reader.config.update({ plan: "pro" })).code).toBe("DATABASE_READONLY");
  });

  it("refuses a file of a newer version, and leaves it as it is", () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    using newer = new Database(folder.at("usage.db"));
    newer.run(
      `INSERT INTO schema_migrations (version, name, applied_at, execution_time_ms, schema_hash, tool_version)
       VALUES (99, 'from_the_future', 1770000000000, 1, 'x', '9.9.9')`,
    );
    const error = errorOf(() => openUsageDb(folder.at("usage.db")));
    expect([error.code, error.exitCode]).toEqual(["DATABASE_NEWER", 5]);
    expect(error.message).toContain("099_from_the_future");
  });

  it("refuses other applications' files", () => {
    using folder = tempFolder();
    for (const sql of ["PRAGMA application_id = 1234", "CREATE TABLE bookmarks (url TEXT)"]) {
      const path = folder.at(`${sql.length}.db`);
      const foreign = new Database(path);
      foreign.run(sql);
      foreign.close();
      const bytes = statSync(path).size;
      expect(errorOf(() => openUsageDb(path)).code).toBe("DATABASE_FOREIGN");
      using after = new Database(path, { readonly: true });
      expect(
        after.query("SELECT count(*) AS n FROM sqlite_schema WHERE name LIKE 'usage%'").get(),
      ).toEqual({ n: 0 });
      expect(statSync(path).size).toBeGreaterThanOrEqual(bytes);
    }
    writeFileSync(folder.at("text.db"), "hello".repeat(1000));
    expect(errorOf(() => openUsageDb(folder.at("text.db"))).code).toBe("DATABASE_NOT_SQLITE");
  });

  it("refuses misspelt options and paths that are none", () => {
    expect(errorOf(() => openUsageDb(":memory:", { busyTimeout: 5 } as never)).code).toBe(
      "OPTION_UNKNOWN",
    );
    expect(errorOf(() => openUsageDb(":memory:", null as never)).code).toBe("VALUE_INVALID");
    for (const path of ["", "  ", undefined, null, 5, "/tmp"]) {
      expect(errorOf(() => openUsageDb(path as never)).code).toBe("DATABASE_PATH_INVALID");
    }
  });

  it("works after its schema was rolled back and brought up again through the same handle", () => {
    using db = openUsageDb(":memory:");
    db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    db.migrations.rollback({ target: 0 });
    expect(errorOf(() => db.snapshots.list()).message).toContain("no such table");
    db.migrations.up();
    expect(db.snapshots.list()).toEqual([]);
    db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    expect(db.migrations.validate()).toEqual({ isValid: true, findings: [], notChecked: [] });
  });

  it("closes by `using`", () => {
    using folder = tempFolder();
    {
      using db = openUsageDb(folder.at("usage.db"));
      db.snapshots.insert({ session_id: "s", snapshot_data: {} });
    }
    expect(readdirSync(folder.path)).toEqual(["usage.db"]);
  });
});
