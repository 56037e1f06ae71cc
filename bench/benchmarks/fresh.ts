/** Two hundred migrations on a fresh file, inside this process. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  createMigrator,
  createSqliteDriver,
  directorySource,
  type MigrationSource,
  openConnection,
  registeredSource,
} from "../../src/migrate.ts";
import type { Benchmark, Contender, Sample } from "../contender.ts";
import { applyFolder, applyTexts } from "../floors/raw-migrations.ts";
import { openRaw } from "../floors/raw-open.ts";
import { timed, timedAsync } from "../measure.ts";
import {
  syntheticMigrations,
  upSql,
  writeDrizzleFolder,
  writeKyselyFolder,
  writePlainFiles,
  writeSectionFiles,
} from "../migration-set.ts";
import { peerScript } from "../paths.ts";

const COUNT = 200;
const SETTINGS = { unitCount: COUNT, rounds: 30, warmUpRounds: 5 } as const;

export const fresh: Benchmark = {
  name: "fresh",
  description: `${COUNT} fresh migrations, in-process`,
  needsPeers: true,
  run: async ({ folder, measure }) => {
    const migrations = syntheticMigrations(COUNT);
    const texts = migrations.map(upSql);
    const registered = migrations.map((migration) => ({
      version: migration.version,
      name: migration.name,
      up: upSql(migration),
      down: `${migration.down};`,
    }));
    const plain = writePlainFiles(join(folder, "plain"), migrations);
    const sections = writeSectionFiles(join(folder, "sections"), migrations);
    const drizzle = writeDrizzleFolder(join(folder, "drizzle"), migrations);
    const kysely = writeKyselyFolder(join(folder, "kysely"), migrations);
    const { freshDrizzle, freshKysely } = (await import(peerScript("in-process"))) as FreshPeers;
    const file = join(folder, "fresh.db");

    await measure({
      name: `${COUNT} fresh migrations, registered in code`,
      ...SETTINGS,
      contenders: [
        raw("raw BEGIN/up/COMMIT", file, (database) => applyTexts(database, texts)),
        usagedb("usagedb", file, () => registeredSource(registered)),
      ],
      budgets: { usagedb: [{ atMost: 1.3 }] },
    });
    await measure({
      name: `${COUNT} fresh migrations, from files`,
      ...SETTINGS,
      contenders: [
        raw("raw read/BEGIN/up/COMMIT", file, (database) => applyFolder(database, plain)),
        usagedb("usagedb", file, () => directorySource(sections)),
        peer("drizzle", file, () => freshDrizzle(drizzle, file)),
        peer("kysely", file, () => freshKysely(kysely, file)),
      ],
      budgets: { usagedb: [{ atMost: 1.3 }] },
    });
  },
};

interface FreshPeer {
  readonly migrate: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Loaded by its path: the packages it needs may be missing, and types would have to be there. */
interface FreshPeers {
  readonly freshDrizzle: (folder: string, file: string) => FreshPeer;
  readonly freshKysely: (folder: string, file: string) => FreshPeer;
}

function raw(
  name: string,
  file: string,
  apply: (database: ReturnType<typeof openRaw>) => void,
): Contender {
  const run = (): Sample => {
    removeDatabase(file);
    const database = openRaw(file, true);
    const sample = timed(() => apply(database));
    database.close(true);
    return sample;
  };
  return { name, run };
}

/** Opening is outside the time, listing, reading and parsing the migrations inside. */
function usagedb(name: string, file: string, source: () => MigrationSource): Contender {
  const run = (): Sample => {
    removeDatabase(file);
    const connection = openConnection(file);
    let stepCount = 0;
    const sample = timed(() => {
      const driver = createSqliteDriver(connection);
      stepCount = createMigrator({ driver, source: source() }).up().steps.length;
    });
    connection.close();
    if (stepCount !== COUNT) throw new Error(`usagedb applied ${stepCount}, expected ${COUNT}`);
    return sample;
  };
  return { name, run };
}

function peer(name: string, file: string, open: () => FreshPeer): Contender {
  const run = async (): Promise<Sample> => {
    removeDatabase(file);
    const opened = open();
    const sample = await timedAsync(opened.migrate);
    await opened.close();
    return sample;
  };
  return { name, run };
}

function removeDatabase(file: string): void {
  for (const ending of ["", "-wal", "-shm"]) rmSync(`${file}${ending}`, { force: true });
}
