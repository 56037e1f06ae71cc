/** The newest snapshots of a large session. */
import { join } from "node:path";
import { openUsageDb } from "../../src/usage-db.ts";
import type { Benchmark, Contender, Sample } from "../contender.ts";
import { openRaw } from "../floors/raw-open.ts";
import { rawLatest } from "../floors/raw-snapshots.ts";
import { timed } from "../measure.ts";
import { fillSnapshots } from "../snapshot-set.ts";

const ROWS = 1_000_000;
const LIMIT = 50;
const REPEATS = 200;

export const read: Benchmark = {
  name: "read",
  description: `latest ${LIMIT} of a session with 200,000 of ${ROWS} rows`,
  needsPeers: false,
  run: async ({ folder, measure, note }) => {
    const file = join(folder, "read.db");
    openUsageDb(file).close();
    const database = openRaw(file);
    note("filling a million rows");
    fillSnapshots(database, {
      rows: ROWS,
      everyNthIsLarge: 5,
      startsAt: 1_760_000_000_000,
      stepMs: 1000,
    });
    const db = openUsageDb(file);
    const latest = rawLatest(database, LIMIT);
    const repeat = (name: string, ask: () => readonly unknown[]): Contender => ({
      name,
      run: (): Sample =>
        timed(() => {
          for (let i = 0; i < REPEATS; i++) {
            const { length } = ask();
            if (length !== LIMIT) throw new Error(`${name} read ${length} rows, expected ${LIMIT}`);
          }
        }),
    });
    try {
      await measure({
        name: `latest ${LIMIT} of 200,000 among ${ROWS}`,
        unitCount: REPEATS,
        contenders: [
          repeat("raw query", () => latest("large")),
          repeat("usagedb", () => db.snapshots.list({ sessionId: "large", limit: LIMIT })),
        ],
        budgets: { usagedb: [{ atMost: 5 }] },
      });
    } finally {
      db.close();
      database.close(true);
    }
  },
};
