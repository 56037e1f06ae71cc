/** Deleting nine tenths of a million snapshots while another process writes. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { openUsageDb } from "../../src/usage-db.ts";
import type { Benchmark } from "../contender.ts";
import { openRaw } from "../floors/raw-open.ts";
import { fillSnapshots } from "../snapshot-set.ts";
import { renderTime } from "../table.ts";
import { describeLatencies, startWriter } from "../writer.ts";

const ROWS = 1_000_000;
const EXPIRED = 900_000;
const DAY_MS = 86_400_000;
/** A hundred days of rows, the newest of them now. */
const STEP_MS = (100 * DAY_MS) / ROWS;
const SAMPLE_MS = 20;
const IDLE_MS = 3000;

export const prune: Benchmark = {
  name: "prune",
  description: `deleting ${EXPIRED} of ${ROWS} snapshots beside a writer`,
  needsPeers: false,
  run: async ({ folder, note, report }) => {
    const file = join(folder, "prune.db");
    openUsageDb(file).close();
    const database = openRaw(file);
    note("filling a million rows");
    const startsAt = Date.now() - ROWS * STEP_MS;
    fillSnapshots(database, { rows: ROWS, everyNthIsLarge: 5, startsAt, stepMs: STEP_MS });
    database.close(true);

    const idle = await startWriter(file, "steady-writer");
    await Bun.sleep(IDLE_MS);
    const idleMs = await idle.stop();
    note("pruning");
    const writer = await startWriter(file, "steady-writer");
    let walPeakBytes = 0;
    const timer = setInterval(() => {
      const size = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
      walPeakBytes = Math.max(walPeakBytes, size);
    }, SAMPLE_MS);
    using db = openUsageDb(file);
    const startedAt = performance.now();
    const { deleted, busyCheckpoints } = await db.prune({ olderThanMs: 10 * DAY_MS });
    const durationMs = performance.now() - startedAt;
    clearInterval(timer);
    const busyMs = await writer.stop();
    report({ name: `prune of ${deleted} of ${ROWS}`, value: renderTime(durationMs) });
    report({ name: "writer beside it", value: describeLatencies(busyMs) });
    report({ name: "writer alone", value: describeLatencies(idleMs) });
    report({ name: "checkpoints that could not finish", value: String(busyCheckpoints) });
    report({ name: "WAL peak", value: `${(walPeakBytes / 1e6).toFixed(1)} MB` });
  },
};
