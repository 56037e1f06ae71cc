/** Stores a snapshot every ten milliseconds until its standard input ends, and prints how that went: `… DB SESSION`. */
import { writeSync } from "node:fs";
import { openUsageDb, UsageDbError } from "../../src/index.ts";

const [path = "", session_id = ""] = process.argv.slice(2);
const latenciesMs: number[] = [];
let [written, busy] = [0, 0];
const stop = new AbortController();
{
  using db = openUsageDb(path);
  writeSync(1, "ready");
  void Bun.stdin.text().then(() => stop.abort());
  while (!stop.signal.aborted) {
    const startedAt = performance.now();
    try {
      db.snapshots.insert({ session_id, snapshot_data: { written } });
      written++;
    } catch (error) {
      if (!(error instanceof UsageDbError) || error.code !== "DATABASE_BUSY") throw error;
      busy++;
    }
    latenciesMs.push(performance.now() - startedAt);
    await Bun.sleep(10);
  }
}
await Bun.write(Bun.stdout, JSON.stringify({ written, busy, latenciesMs }));
