/**
 * Strategy: eight processes store snapshots at an agent's pace while another one prunes the old ones.
 * Invariants: no row of a writer is lost, none of them ever hears that the database is busy, every old row goes. How
 * long a writer waits at worst, and how large the WAL grows, is reported; held to bounds only where it is measured.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { openUsageDb } from "../../src/index.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { Failures, type FaultRow, type RowResult, type RowRun } from "./row.ts";
import { oneOf, problemsOfPages } from "./soundness.ts";

const WRITERS = 8;
const WRITER = join(import.meta.dir, "paced-writer.ts");
const DAY_MS = 86_400_000;
const BATCH = 20_000;
/** Generous beside the aim of 25 ms and 32 MB: the machine may be busy with other things. */
const P99_LIMIT_MS = 100;
const WAL_LIMIT_MB = 64;

interface WriterReport {
  readonly written: number;
  readonly busy: number;
  readonly latenciesMs: readonly number[];
}

function fillOld(path: string, rows: number): void {
  using db = openUsageDb(path);
  const at = db.now() - 40 * DAY_MS;
  for (let from = 0; from < rows; from += BATCH)
    db.snapshots.insertMany(
      Array.from({ length: Math.min(BATCH, rows - from) }, (_, index) => ({
        session_id: "old",
        snapshot_data: { index: from + index, text: "usage of a moment" },
        timestamp: at + from + index,
      })),
    );
}

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const failures = new Failures("writers", options);
  const path = folder.at("usage.db");
  fillOld(path, options.rounds);
  const writers = Array.from({ length: WRITERS }, (_, index) =>
    Bun.spawn([process.execPath, WRITER, path, `writer-${index}`], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    }),
  );
  const readers = writers.map(({ stdout }) => stdout.getReader());
  await Promise.all(readers.map((reader) => reader.read()));
  let walBytes = 0;
  const look = setInterval(() => {
    walBytes = Math.max(walBytes, statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  }, 20);
  using db = openUsageDb(path);
  const report = await db.prune({ olderThanMs: 30 * DAY_MS });
  clearInterval(look);
  for (const { stdin } of writers) void stdin.end();
  const said = await Promise.all(
    readers.map(async (reader) => {
      let text = "";
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
        text += new TextDecoder().decode(chunk.value);
      return JSON.parse(text) as WriterReport;
    }),
  );
  const latenciesMs = said.flatMap((one) => one.latenciesMs).toSorted((a, b) => a - b);
  const p99Ms = latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0;
  const walMb = walBytes / 1e6;
  for (const [index, { written, busy }] of said.entries()) {
    const sql = `SELECT count(*) FROM usage_snapshots WHERE session_id = 'writer-${index}'`;
    const stored = Number(oneOf(db.connection, sql));
    if (stored !== written) failures.add(0, `writer ${index}: ${stored} rows of ${written}`);
    if (busy > 0) failures.add(0, `writer ${index} heard ${busy} times that it was busy`);
    if (written === 0) failures.add(0, `writer ${index} starved`);
  }
  if (report.deleted !== options.rounds) failures.add(0, `${report.deleted} old rows went`);
  for (const problem of problemsOfPages(db.connection)) failures.add(0, problem);
  if (options.isMeasured && p99Ms > P99_LIMIT_MS) failures.add(0, `p99 ${p99Ms.toFixed(1)} ms`);
  if (options.isMeasured && walMb > WAL_LIMIT_MB) failures.add(0, `WAL ${walMb.toFixed(1)} MB`);
  return {
    tried: options.rounds,
    failures: failures.lines,
    figures: {
      "rows written": said.reduce((sum, { written }) => sum + written, 0),
      "p99 ms": p99Ms.toFixed(1),
      "max ms": (latenciesMs.at(-1) ?? 0).toFixed(1),
      "WAL MB": walMb.toFixed(1),
      "prune s": (report.durationMs / 1000).toFixed(1),
    },
  };
}

export const writers: FaultRow = {
  name: "writers",
  fault: "8 writers while old rows are pruned",
  target: "0 lost, 0 busy; a writer's p99 under 25 ms, WAL under 32 MB",
  unit: "rows",
  shortRounds: 100_000,
  longRounds: 1_000_000,
  skip: null,
  run,
};
