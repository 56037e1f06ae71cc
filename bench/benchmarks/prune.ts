/** Deleting nine tenths of a million snapshots while other processes write. */
import { copyFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { openUsageDb } from "../../src/usage-db.ts";
import type { Benchmark, BenchmarkContext } from "../contender.ts";
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
/** A row of each of a thousand sessions in turn is the worst there is; eight at once is what a busy machine does. */
const CASES = [
  { sessionsAtOnce: 8, writers: 1 },
  { sessionsAtOnce: 8, writers: 8 },
  { sessionsAtOnce: 1000, writers: 1 },
  { sessionsAtOnce: 1000, writers: 8 },
] as const;

type Case = (typeof CASES)[number];

export const prune: Benchmark = {
  name: "prune",
  description: `deleting ${EXPIRED} of ${ROWS} snapshots beside writers`,
  needsPeers: false,
  run: async (context) => {
    const { folder, note, report } = context;
    for (const sessionsAtOnce of [8, 1000]) {
      const full = join(folder, `prune-${sessionsAtOnce}.db`);
      note(`filling a million rows, ${sessionsAtOnce} sessions at once`);
      fill(full, sessionsAtOnce);
      if (sessionsAtOnce === 8) {
        const idle = await startWriter(full, "steady-writer");
        await Bun.sleep(IDLE_MS);
        report({ name: "writer alone", value: describeLatencies(await idle.stop()) });
      }
      for (const one of CASES)
        if (one.sessionsAtOnce === sessionsAtOnce) await pruneBeside(full, one, context);
      rmSync(full);
    }
  },
};

function fill(file: string, sessionsAtOnce: number): void {
  openUsageDb(file).close();
  const database = openRaw(file);
  const startsAt = Date.now() - ROWS * STEP_MS;
  fillSnapshots(database, {
    rows: ROWS,
    everyNthIsLarge: 5,
    sessionsAtOnce,
    startsAt,
    stepMs: STEP_MS,
  });
  database.close(true);
}

async function pruneBeside(
  full: string,
  { sessionsAtOnce, writers: count }: Case,
  { folder, note, report }: BenchmarkContext,
): Promise<void> {
  const file = join(folder, "prune.db");
  copyFileSync(full, file);
  note(`pruning beside ${count} writer(s)`);
  using db = openUsageDb(file);
  const writers = await Promise.all(
    Array.from({ length: count }, () => startWriter(file, "steady-writer")),
  );
  let walPeakBytes = 0;
  const timer = setInterval(() => {
    const size = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    walPeakBytes = Math.max(walPeakBytes, size);
  }, SAMPLE_MS);
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  const { deleted, busyCheckpoints } = await db.prune({ olderThanMs: 10 * DAY_MS });
  const durationMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(timer);
  const latenciesMs = (await Promise.all(writers.map((writer) => writer.stop()))).flat();
  const name = `${deleted} of ${ROWS}, ${sessionsAtOnce} sessions at once, ${count} writer(s)`;
  const wal = `WAL peak ${(walPeakBytes / 1e6).toFixed(1)} MB, ${busyCheckpoints} busy checkpoint(s)`;
  report({
    name,
    value: `${renderTime(durationMs)} (CPU ${renderTime((user + system) / 1000)}); writers ${describeLatencies(latenciesMs)}; ${wal}`,
  });
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
}
