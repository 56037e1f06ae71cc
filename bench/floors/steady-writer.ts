/**
 * A second process that writes a snapshot every few milliseconds and notes how long each one took.
 *
 *   bun bench/floors/steady-writer.ts DATABASE
 *
 * Says `ready` when it writes; ends at the first byte on its standard input, printing the latencies as JSON.
 */
import { openRaw } from "./raw-open.ts";
import { rawSnapshots } from "./raw-snapshots.ts";

const PAUSE_MS = 5;
const [file = ""] = process.argv.slice(2);
const database = openRaw(file);
const { insert } = rawSnapshots(database);
const snapshot_data = { filler: "x".repeat(480) };
const latenciesMs: number[] = [];
const stop = new AbortController();
process.stdin.once("data", () => stop.abort());
console.log("ready");
while (!stop.signal.aborted) {
  const startedAt = performance.now();
  insert({ session_id: "large", snapshot_data, snapshot_type: "stats", timestamp: Date.now() });
  latenciesMs.push(performance.now() - startedAt);
  await Bun.sleep(PAUSE_MS);
}
console.log(JSON.stringify(latenciesMs));
database.close(true);
process.stdin.destroy();
