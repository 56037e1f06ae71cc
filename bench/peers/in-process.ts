/** The other migrators inside this process, for the benchmark of fresh migrations. */
import { promises as fs } from "node:fs";
import path from "node:path";
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { migrate } from "drizzle-orm/bun-sqlite/migrator";
import { FileMigrationProvider, Migrator } from "kysely/migration";
import { openKysely } from "./kysely-sqlite.ts";

/** Opens a fresh file as the contenders do, and returns what is to be timed and what closes it. */
export interface FreshPeer {
  readonly migrate: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const PRAGMAS = ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"];

export function freshDrizzle(migrationsFolder: string, file: string): FreshPeer {
  const client = new Database(file);
  for (const pragma of PRAGMAS) client.run(pragma);
  const db = drizzle({ client });
  return {
    migrate: async () => migrate(db, { migrationsFolder }),
    close: async () => client.close(),
  };
}

export function freshKysely(migrationFolder: string, file: string): FreshPeer {
  const db = openKysely(file, PRAGMAS);
  const migrator = new Migrator({
    db,
    provider: new FileMigrationProvider({ fs, path, migrationFolder }),
  });
  return {
    migrate: async () => {
      const { error } = await migrator.migrateToLatest();
      if (error !== undefined) throw error;
    },
    close: () => db.destroy(),
  };
}
