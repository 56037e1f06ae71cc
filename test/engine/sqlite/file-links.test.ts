import { describe, expect, it } from "bun:test";
import { existsSync, linkSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import type { Connection } from "../../../src/engine/sqlite/connection.ts";
import { jobLockPath, takeJobLock } from "../../../src/engine/sqlite/job-lock.ts";
import { openConnection } from "../../../src/engine/sqlite/open.ts";
import { openUntouched } from "../../../src/engine/sqlite/open-untouched.ts";
import { peekLedgerHead } from "../../../src/engine/sqlite/peek.ts";
import { openUsageDb } from "../../../src/index.ts";
import { openReadyDatabase } from "../../../src/store/ready-database.ts";
import { errorOf } from "../../support/error-of.ts";
import { spawnCli } from "../../cli/spawn-cli.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const PRECIOUS = "precious\n";

const PLANTS = [
  ["symbolic link", symlinkSync],
  ["hard link", linkSync],
] as const;

describe("a planted link", () => {
  const cases = ["-wal", "-shm", "-journal"].flatMap((suffix) =>
    PLANTS.map(([kind, plant]) => ({ suffix, kind, plant })),
  );

  it.each(cases)(
    "in the place of $suffix is refused, a $kind, and written through by nobody",
    ({ suffix, plant }) => {
      using folder = tempFolder();
      const path = folder.at("usage.db");
      openUsageDb(path).close();
      const open = (): Connection | null => openReadyDatabase(path, 0, { refusesLinks: true });
      using ready = open();
      expect([ready === null, peekLedgerHead(path, 0) === null]).toEqual([false, false]);
      ready?.close();
      writeFileSync(folder.at("victim"), PRECIOUS);
      plant(folder.at("victim"), `${path}${suffix}`);
      for (const mode of ["create", "existing", "read"] as const) {
        const error = errorOf(() => openConnection(path, { mode }));
        expect(error).toMatchObject({
          code: "DATABASE_PATH_INVALID",
          details: { path: `${path}${suffix}` },
        });
      }
      expect(errorOf(() => openUntouched(path)).code).toBe("DATABASE_PATH_INVALID");
      expect(open()).toBeNull();
      expect(peekLedgerHead(path, 0)).toBeNull();
      expect(readFileSync(folder.at("victim"), "utf8")).toBe(PRECIOUS);
    },
  );

  it.each(["create", "existing", "read"] as const)(
    "to the database itself is refused in mode %s",
    (mode) => {
      using folder = tempFolder();
      openUsageDb(folder.at("real.db")).close();
      linkSync(folder.at("real.db"), folder.at("usage.db"));
      const error = errorOf(() => openConnection(folder.at("usage.db"), { mode }));
      expect(error.code).toBe("DATABASE_PATH_INVALID");
      expect(error.message).toContain("2 names");
    },
  );

  it.each(PLANTS)("in the place of the maintenance lock is refused, a %s", (_, plant) => {
    using folder = tempFolder();
    using db = openUsageDb(folder.at("usage.db"));
    writeFileSync(folder.at("victim"), PRECIOUS);
    plant(folder.at("victim"), jobLockPath(db.connection.path));
    expect(errorOf(() => takeJobLock(db.connection)).code).toBe("DATABASE_PATH_INVALID");
    expect(readFileSync(folder.at("victim"), "utf8")).toBe(PRECIOUS);
  });

  it("to a backup does no harm, and it is restored", async () => {
    using folder = tempFolder();
    openUsageDb(folder.at("usage.db")).close();
    const backup = ["backup", folder.at("a.backup"), "--db", folder.at("usage.db")];
    expect(await spawnCli(backup)).toMatchObject({ exitCode: 0 });
    linkSync(folder.at("a.backup"), folder.at("a.partial"));
    const restore = ["restore", folder.at("a.backup"), "--yes", "--db", folder.at("usage.db")];
    expect(await spawnCli(restore)).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("beside a database that is not there yet is refused before anything is written", () => {
    using folder = tempFolder();
    writeFileSync(folder.at("victim"), PRECIOUS);
    linkSync(folder.at("victim"), folder.at("usage.db-shm"));
    expect(errorOf(() => openUsageDb(folder.at("usage.db"))).code).toBe("DATABASE_PATH_INVALID");
    expect(readFileSync(folder.at("victim"), "utf8")).toBe(PRECIOUS);
  });
});

describe("a URL for a database", () => {
  it("is refused without a word of what is in it, and makes nothing", () => {
    using folder = tempFolder();
    const url = "postgres://me:s3cret@host/db";
    const before = process.cwd();
    process.chdir(folder.path);
    try {
      for (const open of [openUsageDb, openConnection, openUntouched]) {
        const error = errorOf(() => open(url));
        expect(error.code).toBe("DATABASE_PATH_INVALID");
        expect(error.message).toContain("postgres:");
        expect(JSON.stringify([error.toJSON(), error.stack])).not.toMatch(/s3cret|me:|host/);
      }
      expect(existsSync("postgres:")).toBe(false);
    } finally {
      process.chdir(before);
    }
  });
});
