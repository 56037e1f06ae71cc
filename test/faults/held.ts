/**
 * Strategy: another process is in the way, by turns: a reader that stays in its transaction, a writer that was stopped
 * with the lock in its hands, writers that are stopped and go on at random.
 * Invariants: it is reported by name, nobody waits longer than asked to, readers go on; once the other one is gone or
 * goes on, everything is as before, and no row is missing.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { openUsageDb, UsageDbError } from "../../src/index.ts";
import { checkpoint } from "../../src/engine/sqlite/checkpoint.ts";
import type { Chance } from "../support/fault-rounds.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { runCommand } from "./command-process.ts";
import { Failures, type FaultRow, type RowResult, type RowRun, whole } from "./row.ts";
import { oneOf, problemsOfPages } from "./soundness.ts";

const READER = join(import.meta.dir, "long-reader.ts");
const HOLDER = join(import.meta.dir, "../support/lock-holder.ts");
const WRITER = join(import.meta.dir, "paced-writer.ts");
const DAY_MS = 86_400_000;
/** Enough for a prune to checkpoint on its way. */
const OLD_ROWS = 26_000;
const BUSY_MS = 150;

/** A process that says it is ready, and ends when its standard input does. */
async function started(script: string, ...args: readonly string[]) {
  const child = Bun.spawn([process.execPath, script, ...args], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  await reader.read();
  return { child, reader };
}

async function longReader(path: string): Promise<string[]> {
  using db = openUsageDb(path);
  const at = db.now() - 40 * DAY_MS;
  db.snapshots.insertMany(
    Array.from({ length: OLD_ROWS }, (_, index) => ({
      session_id: "old",
      snapshot_data: { index },
      timestamp: at,
    })),
  );
  const { child } = await started(READER, path);
  const wrong: string[] = [];
  const report = await db.prune({ olderThanMs: 30 * DAY_MS });
  if (report.deleted !== OLD_ROWS) wrong.push(`${report.deleted} rows pruned beside a reader`);
  if (report.busyCheckpoints === 0) wrong.push("the prune says nothing of a reader in its way");
  if (!checkpoint(db.connection, 10).isBusy) wrong.push("a checkpoint past a reader");
  const grown = statSync(`${path}-wal`).size;
  void child.stdin.end();
  await child.exited;
  if (checkpoint(db.connection, 1000).isBusy) wrong.push("busy after the reader went");
  const left = statSync(`${path}-wal`).size;
  if (left !== 0 || grown === 0) wrong.push(`the WAL had ${grown} bytes and has ${left}`);
  return [...wrong, ...problemsOfPages(db.connection)];
}

async function stoppedHolder(path: string, dice: Chance): Promise<string[]> {
  using db = openUsageDb(path, { busyTimeoutMs: BUSY_MS });
  const { child } = await started(HOLDER, path);
  child.kill("SIGSTOP");
  const wrong: string[] = [];
  const code = ((): string => {
    try {
      db.config.update({ plan: "pro" });
      return "no error";
    } catch (error) {
      return error instanceof UsageDbError ? error.code : String(error);
    }
  })();
  if (code !== "DATABASE_BUSY") wrong.push(`a write past a stopped writer: ${code}`);
  if (db.config.get()?.plan !== "custom") wrong.push("a reader does not see the state before");
  const cwd = join(path, "..");
  const lock = await runCommand(["migrate", "lock", "--db", path], { cwd });
  if (process.platform === "linux" && !lock.stdout.includes(String(child.pid)))
    wrong.push(`\`migrate lock\` does not name process ${child.pid}: ${lock.stdout}${lock.stderr}`);
  if (dice.next() < 0.5) {
    child.kill("SIGCONT");
    void child.stdin.end();
  } else child.kill("SIGKILL");
  await child.exited;
  db.config.update({ plan: "max5" });
  if (db.config.get()?.plan !== "max5") wrong.push("no write after the stopped writer went");
  return [...wrong, ...problemsOfPages(db.connection)];
}

async function stopAndGo(path: string, dice: Chance): Promise<string[]> {
  openUsageDb(path).close();
  const names = ["a", "b", "c"];
  const writers = await Promise.all(names.map((name) => started(WRITER, path, name)));
  for (let stop = 0; stop < 6; stop++) {
    const { child } = writers[whole(dice, writers.length)] ?? {};
    child?.kill("SIGSTOP");
    await Bun.sleep(dice.next() * 120);
    child?.kill("SIGCONT");
    await Bun.sleep(dice.next() * 30);
  }
  const said = await Promise.all(
    writers.map(async ({ child, reader }) => {
      void child.stdin.end();
      let text = "";
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
        text += new TextDecoder().decode(chunk.value);
      return JSON.parse(text) as { written: number; busy: number };
    }),
  );
  using db = openUsageDb(path);
  const wrong = said.flatMap(({ written, busy }, index) => {
    const sql = `SELECT count(*) FROM usage_snapshots WHERE session_id = '${names[index] ?? ""}'`;
    const stored = oneOf(db.connection, sql);
    return stored === written && busy === 0
      ? []
      : [`writer ${index} has ${String(stored)} rows of ${written}, and was busy ${busy} times`];
  });
  if (checkpoint(db.connection, 1000).isBusy) wrong.push("a checkpoint is busy after all ended");
  return [...wrong, ...problemsOfPages(db.connection)];
}

const SCENARIOS = {
  "long reader": longReader,
  "stopped holder": stoppedHolder,
  "stop and go": stopAndGo,
} as const;

async function run(options: RowRun): Promise<RowResult> {
  const failures = new Failures("held", options);
  const names = (Object.keys(SCENARIOS) as (keyof typeof SCENARIOS)[]).filter(
    (name) => options.only?.includes(name) ?? true,
  );
  const times: Record<string, number> = {};
  for (let round = 0; round < options.rounds; round++) {
    const name = names[round % names.length];
    if (name === undefined) break;
    using folder = tempFolder();
    const dice = options.chanceOf(round);
    for (const wrong of await SCENARIOS[name](folder.at("usage.db"), dice))
      failures.add(round, `${name}: ${wrong}`, `"${name}"`);
    times[name] = (times[name] ?? 0) + 1;
  }
  return { tried: options.rounds, failures: failures.lines, figures: times };
}

export const held: FaultRow = {
  name: "held",
  fault: "a long reader, a stopped process that holds the lock, SIGSTOP and SIGCONT",
  target: "reported; as before after",
  unit: "times",
  shortRounds: 3,
  longRounds: 300,
  skip: process.platform === "win32" ? "Windows stops no processes" : null,
  run,
};
