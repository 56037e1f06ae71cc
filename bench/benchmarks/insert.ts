/** Storing snapshots: the hottest write of an embedding agent. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "bun:sqlite";
import { openUsageDb, type UsageDb } from "../../src/usage-db.ts";
import type { Benchmark, BenchmarkContext, Contender, Sample } from "../contender.ts";
import { openRaw } from "../floors/raw-open.ts";
import { type RawSnapshot, rawSnapshots } from "../floors/raw-snapshots.ts";
import { timed } from "../measure.ts";
import { snapshotData } from "../snapshot-set.ts";

const BATCH_ROWS = 100;
/** Nine tenths of the floor's rows a second, said as time. */
const AT_MOST = 1 / 0.9;
const SETTINGS = { rounds: 40, warmUpRounds: 10 } as const;
const ROWS_ONE_BY_ONE = 2000;
const ROWS_IN_BATCHES = 10_000;

interface Writer {
  readonly name: string;
  readonly insert: (snapshot: RawSnapshot) => unknown;
  readonly insertMany: (snapshots: readonly RawSnapshot[]) => unknown;
}

export const insert: Benchmark = {
  name: "insert",
  description: "storing snapshots of 500 bytes",
  needsPeers: false,
  run: async (context) => {
    const floorFile = join(context.folder, "floor.db");
    const file = join(context.folder, "usagedb.db");
    // The same table in both files, and a session that exists.
    for (const path of [floorFile, file]) {
      using db = openUsageDb(path);
      db.sessions.upsert({ session_id: "session" });
    }
    const database = openRaw(floorFile);
    const db = openUsageDb(file);
    try {
      await compare(context, database, db);
    } finally {
      database.close(true);
      db.close();
      rmSync(context.folder, { recursive: true });
    }
  },
};

async function compare(
  { measure }: BenchmarkContext,
  database: Database,
  db: UsageDb,
): Promise<void> {
  const raw = rawSnapshots(database);
  const empty = (): void => {
    for (const run of [database.run.bind(database), db.connection.runOnce.bind(db.connection)]) {
      run("DELETE FROM usage_snapshots");
      run("PRAGMA wal_checkpoint(TRUNCATE)");
    }
  };
  const writers: readonly Writer[] = [
    { name: "raw prepared statement", ...raw },
    {
      name: "usagedb",
      insert: (row) => db.snapshots.insert(row),
      insertMany: (rows) => db.snapshots.insertMany(rows),
    },
  ];
  const budgets = { usagedb: [{ atMost: AT_MOST, text: "≥ 0.9 x rows/s" }] };
  const rows = Array.from({ length: ROWS_IN_BATCHES }, (_, index) => rowOf(index));
  await measure({
    name: "insert, one by one",
    unitCount: ROWS_ONE_BY_ONE,
    contenders: writers.map((writer): Contender => ({
      name: writer.name,
      run: (): Sample => {
        empty();
        return timed(() => {
          for (let i = 0; i < ROWS_ONE_BY_ONE; i++) writer.insert(rows[i] as RawSnapshot);
        });
      },
    })),
    budgets,
    ...SETTINGS,
  });
  const batches = Array.from({ length: ROWS_IN_BATCHES / BATCH_ROWS }, (_, index) =>
    rows.slice(index * BATCH_ROWS, (index + 1) * BATCH_ROWS),
  );
  await measure({
    name: `insert, batches of ${BATCH_ROWS}`,
    unitCount: ROWS_IN_BATCHES,
    contenders: writers.map((writer): Contender => ({
      name: writer.name,
      run: (): Sample => {
        empty();
        return timed(() => {
          for (const batch of batches) writer.insertMany(batch);
        });
      },
    })),
    budgets,
    ...SETTINGS,
  });
}

function rowOf(index: number): RawSnapshot {
  return {
    session_id: "session",
    snapshot_data: snapshotData(index),
    snapshot_type: "stats",
    timestamp: 1_760_000_000_000 + index,
  };
}
