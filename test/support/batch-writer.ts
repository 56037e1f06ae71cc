/** A process that goes on writing rows beside a migration: one transaction a few milliseconds, each one timed. */
import { openConnection } from "../../src/engine/sqlite/open.ts";

const [path = "", pauseMs = "2"] = process.argv.slice(2);
using connection = openConnection(path, { busyTimeoutMs: 30_000 });
const insert = connection.prepare("INSERT INTO beside (at) VALUES (?)");
const latenciesMs: number[] = [];
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
process.stdout.write("ready\n");
while (!stop.signal.aborted) {
  const startedAt = performance.now();
  connection.transaction(() => insert.run(Date.now()));
  latenciesMs.push(performance.now() - startedAt);
  await Bun.sleep(Number(pauseMs));
}
process.stdout.write(`${JSON.stringify(latenciesMs)}\n`);
