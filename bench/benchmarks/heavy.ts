/** What takes long, beside a program that must not wait: backup, integrity check, compaction, vacuum. */
import { rmSync, statSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { join } from "node:path";
import { backupAside } from "../../src/engine/sqlite/backup-aside.ts";
import { SideProcess } from "../../src/engine/sqlite/side/side-process.ts";
import type { JobName, JobReport } from "../../src/retention/job.ts";
import { openUsageDb, type UsageDb } from "../../src/usage-db.ts";
import type { Benchmark } from "../contender.ts";
import { fillEvents } from "../event-set.ts";
import { renderTime } from "../table.ts";
import { describeLatencies, startWriter } from "../writer.ts";

const SIZE_MB = Number(process.env["USAGEDB_BENCH_HEAVY_MB"] ?? 1000);
const ROUNDS = 5;
const BACKUP_BUDGET = 1.2;
const LOOP_BUDGET_MS = 20;

export const heavy: Benchmark = {
  name: "heavy",
  description: `backup, check, compaction and vacuum of ${SIZE_MB} MB of payloads`,
  needsPeers: false,
  run: async ({ folder, note, report }) => {
    const file = join(folder, "heavy.db");
    note(`filling ${SIZE_MB} MB`);
    const rows = fillEvents(file, SIZE_MB * 1e6);
    using db = openUsageDb(file);
    db.sessions.ensure("large");
    report({ name: "database", value: `${megabytes(statSync(file).size)}, ${rows} events` });
    await measureBackup(file, { note, report });
    for (const job of ["integrity", "compact", "vacuum"] as const) {
      note(job);
      const writer = await startWriter(file, "steady-writer");
      const { value, loop } = await runJob(db, job);
      const latencies = await writer.stop();
      report({
        name: job,
        value: `${renderTime(value.durationMs)}, ${value.outcome}; ${value.rows} rows, ${megabytes(value.bytes)} freed`,
      });
      report({ name: `event loop during ${job}`, value: loop });
      report({ name: `writer beside ${job}`, value: describeLatencies(latencies) });
    }
    report({ name: "file afterwards", value: megabytes(statSync(file).size) });
  },
};

/** In turns, because the machine does other things as well. */
async function measureBackup(
  file: string,
  { note, report }: Pick<Parameters<Benchmark["run"]>[0], "note" | "report">,
): Promise<void> {
  const copy = `${file}.copy`;
  const times = { vacuum: [] as number[], backup: [] as number[] };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  for (let round = -1; round < ROUNDS; round++) {
    note(`backup, round ${round + 1}`);
    const vacuumMs = await timeOf(() => vacuumInto(file, copy));
    clean(copy);
    delay.enable();
    const backupMs = await timeOf(() => backupAside(file, copy));
    delay.disable();
    clean(copy);
    if (round < 0) continue;
    times.vacuum.push(vacuumMs);
    times.backup.push(backupMs);
  }
  const [vacuumMs, backupMs] = [median(times.vacuum), median(times.backup)];
  const ratio = backupMs / vacuumMs;
  report({
    name: "verified backup",
    value: `${renderTime(backupMs)}; VACUUM INTO ${renderTime(vacuumMs)}: ${ratio.toFixed(2)} x (budget ${BACKUP_BUDGET}: ${ratio <= BACKUP_BUDGET ? "met" : "not met"})`,
  });
  report({ name: "event loop during backup", value: describeDelay(delay) });
}

async function vacuumInto(file: string, target: string): Promise<void> {
  await using side = new SideProcess();
  await side.ask("sql", {
    path: file,
    isReader: true,
    busyTimeoutMs: 5000,
    statements: [{ sql: "VACUUM INTO ?", values: [target] }],
  });
}

async function runJob(
  db: UsageDb,
  job: JobName,
): Promise<{ readonly value: JobReport; readonly loop: string }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const { jobs } = await db.maintain({ jobs: [job], trustClock: true });
  delay.disable();
  return { value: jobs[0] as JobReport, loop: describeDelay(delay) };
}

function describeDelay(delay: ReturnType<typeof monitorEventLoopDelay>): string {
  const ms = (nanoseconds: number): string => `${(nanoseconds / 1e6).toFixed(1)} ms`;
  const p99 = delay.percentile(99);
  return `p99 ${ms(p99)}, max ${ms(delay.max)} (budget p99 ${LOOP_BUDGET_MS} ms: ${p99 / 1e6 < LOOP_BUDGET_MS ? "met" : "not met"})`;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function clean(copy: string): void {
  for (const path of [copy, `${copy}.sha256`]) rmSync(path, { force: true });
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
