/** One of the three that work on a file for hours: `bun soak-program.ts agent|keeper|copier FOLDER`. */
import { readdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { backupDatabase, openUsageDb } from "../../src/index.ts";
import { checkpoint } from "../../src/engine/sqlite/checkpoint.ts";
import { message } from "../support/usage-message.ts";

const [role = "", folder = ""] = process.argv.slice(2);
const DAY_MS = 86_400_000;
const KEPT_BACKUPS = 3;
using db = openUsageDb(join(folder, "usage.db"), { busyTimeoutMs: 20_000 });

const turns: Readonly<Record<string, (turn: number) => void | Promise<void>>> = {
  agent: async (turn) => {
    const key = `${process.pid}-${turn}-${Date.now()}`;
    db.snapshots.insert({ session_id: "agent", snapshot_data: { turn } });
    db.snapshots.insert({
      session_id: "old",
      snapshot_data: { turn },
      timestamp: db.now() - 40 * DAY_MS,
    });
    db.messages.record([message({ message_id: key, timestamp: db.now() })]);
    db.events.insert({
      source_app: "soak",
      session_id: "agent",
      hook_event_type: "Stop",
      payload: { turn },
      dedupe_key: key,
    });
    writeSync(1, "\n");
    await Bun.sleep(20);
  },
  keeper: async () => {
    await db.prune({ olderThanMs: 30 * DAY_MS });
    checkpoint(db.connection, 100);
    db.connection.readOnce("PRAGMA optimize");
    db.connection.readOnce("PRAGMA incremental_vacuum(100)");
    await Bun.sleep(500);
  },
  copier: async (turn) => {
    const backups = join(folder, "backups");
    backupDatabase(db.connection, join(backups, `${process.pid}-${turn}.backup`));
    const names = readdirSync(backups).filter((name) => name.endsWith(".backup"));
    const old = names
      .toSorted(
        (a, b) => Bun.file(join(backups, a)).lastModified - Bun.file(join(backups, b)).lastModified,
      )
      .slice(0, -KEPT_BACKUPS);
    for (const name of old)
      for (const ending of ["", ".sha256"])
        rmSync(join(backups, `${name}${ending}`), { force: true });
    await Bun.sleep(2000);
  },
};

const work = turns[role];
if (work === undefined) throw new Error(`There is no role ${role}.`);
for (let turn = 0; ; turn++) await work(turn);
