/**
 * A second process that writes a row every few milliseconds into the table `beside` and notes how long each one took.
 *
 *   bun bench/floors/beside-writer.ts DATABASE
 *
 * Says `ready` when it writes; ends at the first byte on its standard input, printing the latencies as JSON.
 */
import { openRaw } from "./raw-open.ts";

const PAUSE_MS = 5;
const [file = ""] = process.argv.slice(2);
const database = openRaw(file);
const insert = database.prepare("INSERT INTO beside (at, filler) VALUES (?, ?)");
const filler = "x".repeat(480);
const latenciesMs: number[] = [];
const stop = new AbortController();
process.stdin.once("data", () => stop.abort());
console.log("ready");
while (!stop.signal.aborted) {
  const startedAt = performance.now();
  insert.run(Date.now(), filler);
  latenciesMs.push(performance.now() - startedAt);
  await Bun.sleep(PAUSE_MS);
}
console.log(JSON.stringify(latenciesMs));
insert.finalize();
database.close(true);
process.stdin.destroy();
