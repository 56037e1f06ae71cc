/**
 * A process that appends to a spool, or brings it in, until it has no more to do or is killed:
 * `bun spool-process.ts append DB FIRST COUNT` prints each number when it is safe; `bun spool-process.ts drain DB TIMES`.
 */
import { writeSync } from "node:fs";
import { drainWholeSpool } from "../../src/ingest/hooks/drain-spool.ts";
import { readHookEvent } from "../../src/ingest/hooks/hook-event.ts";
import { Spool, spoolPath } from "../../src/ingest/hooks/spool.ts";
import { openUsageDb } from "../../src/index.ts";

const [, , what, path = "", first = "0", count = "0"] = process.argv;
const spool = new Spool(spoolPath(path));

if (what === "append") {
  for (let number = Number(first); number < Number(first) + Number(count); number++) {
    const body = JSON.stringify({ session_id: "s", hook_event_name: "Stop", number });
    spool.append([
      readHookEvent(body, { receivedAt: Date.now(), keep: new Set(), sourceApp: "test" }),
    ]);
    writeSync(1, `${number}\n`);
  }
} else {
  using db = openUsageDb(path);
  for (let times = 0; times < Number(first); times++) {
    drainWholeSpool(db, spool, Date.now());
    await Bun.sleep(1);
  }
}
