/** Opening a database that is up to date, inside this process: what an embedding program pays at every start. */
import { join } from "node:path";
import {
  type BundledMigration,
  bundleSource,
  createMigrator,
  createSqliteDriver,
  openConnection,
} from "../../src/migrate.ts";
import { openUsageDb } from "../../src/usage-db.ts";
import type { Benchmark, BenchmarkContext, Contender, Sample } from "../contender.ts";
import { openAndReadVersion } from "../floors/raw-open.ts";
import { syntheticMigrations, upSql } from "../migration-set.ts";

const SIZES = [3, 1000] as const;
const ROUNDS = 500;
const WARM_UP_ROUNDS = 200;
const AT_MOST = 1.25;

export const open: Benchmark = {
  name: "open",
  description: "opening an up-to-date database, in-process",
  needsPeers: false,
  run: async (context) => {
    for (const count of SIZES) {
      const file = join(context.folder, `${count}.db`);
      const openMigrated = migratedOpener(count, file);
      openMigrated().close();
      await compare(context, `${count} migrations`, file, { name: "usagedb", open: openMigrated });
    }
    const own = join(context.folder, "own.db");
    openUsageDb(own).close();
    await compare(context, "usagedb's own 6", own, {
      name: "openUsageDb",
      open: () => openUsageDb(own),
    });
  },
};

interface Opener {
  readonly name: string;
  readonly open: () => { close: () => void };
}

/** Opens the file and brings it up to date from a bundle, as a program with its own migrations does. */
function migratedOpener(count: number, file: string): () => { close: () => void } {
  const migrations = syntheticMigrations(count);
  const entries: readonly BundledMigration[] = migrations.map((migration) => ({
    version: migration.version,
    name: migration.name,
    fileName: `${migration.version}_${migration.name}.sql`,
    sql: `-- migrate:up\n${upSql(migration)}\n-- migrate:down\n${migration.down};\n`,
  }));
  const bundle = {
    stamp: `bundle:${new Bun.CryptoHasher("sha256").update(JSON.stringify(entries)).digest("hex")}`,
    versions: entries.map(({ version }) => version),
    load: () => entries,
  };
  return () => {
    const connection = openConnection(file);
    const driver = createSqliteDriver(connection);
    createMigrator({ driver, source: bundleSource(bundle, "the benchmark") }).up();
    return connection;
  };
}

async function compare(
  { measure }: BenchmarkContext,
  size: string,
  file: string,
  opener: Opener,
): Promise<void> {
  const contenders = [
    { name: "raw open + pragmas + user_version", open: () => openAndReadVersion(file) },
    opener,
  ].map(timedOpen);
  const budgets = { [opener.name]: [{ atMost: AT_MOST }] };
  const settings = { contenders, budgets, rounds: ROUNDS, warmUpRounds: WARM_UP_ROUNDS };
  await measure({ name: `open, ${size}`, ...settings });
  // While another connection holds the file open, as when several agents share it, opening is cheaper.
  const holder = openAndReadVersion(file);
  try {
    await measure({ name: `open, ${size}, held open by another`, ...settings });
  } finally {
    holder.close(true);
  }
}

function timedOpen({ name, open: openOne }: Opener): Contender {
  const run = (): Sample => {
    const startedAt = performance.now();
    const opened = openOne();
    const wallMs = performance.now() - startedAt;
    opened.close();
    return { wallMs, cpuMs: null };
  };
  return { name, run };
}
