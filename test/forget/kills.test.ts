import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "bun:test";
import { backupDatabase, forgetUsage, openUsageDb, verifyRollups } from "../../src/index.ts";
import { verifiedHash } from "../../src/engine/sqlite/backup.ts";
import { chance, FAULT_ROUNDS, withSeed } from "../support/fault-rounds.ts";
import { killAtCall, NO_KILLS_AT_CALLS } from "../support/kill-at-call.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const SECRET = "5e55a0f1-0000-4000-8000-00000000000a";
const FORGET = `import { forgetUsage } from "${import.meta.dir}/../../src/index.ts";
const [path, backup] = process.argv.slice(1);
forgetUsage(path, { kind: "session", sessionId: "${SECRET}" }, { rollups: true, backups: [backup] });`;

function fill(folder: TempFolder): void {
  using db = openUsageDb(folder.at("template.db"), { now: () => NOON });
  for (const session_id of [SECRET, "other"]) {
    db.messages.record(
      Array.from({ length: 20 }, (_, index) =>
        message({ session_id, message_id: `msg_${session_id}_${index}` }),
      ),
    );
    for (let index = 0; index < 20; index++)
      db.events.insert({
        source_app: "a",
        session_id,
        hook_event_type: "Stop",
        payload: { index },
      });
  }
  backupDatabase(db.connection, folder.at("template-backup.db"));
}

/** What is left of the session: all of it, or nothing. */
function standing(path: string): number[] {
  using db = openUsageDb(path, { now: () => NOON });
  expect(verifyRollups(db)).toEqual([]);
  expect(db.connection.readOnce("PRAGMA integrity_check").flat()).toEqual(["ok"]);
  const events = db.connection.readOnce("SELECT count(*) FROM events WHERE session_id = ?", SECRET);
  return [db.messages.bySession(SECRET).length, Number(events[0]?.[0])];
}

/**
 * Strategy: forgetting in a database and a backup is killed before some call that writes, flushes, truncates, renames
 * or removes a file. Invariants: the session is whole or gone, in the file and in the backup; hours and messages
 * agree; the backup is never beside another's hash; running it again completes it, and nothing of it is found.
 */
describe("forgetUsage() killed at system calls", () => {
  const title = "is done or not, and is completed by the next run";
  if (NO_KILLS_AT_CALLS !== null) {
    it.skip(`${title} (${NO_KILLS_AT_CALLS})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      const dice = chance();
      await withSeed(dice, async () => {
        using folder = tempFolder();
        fill(folder);
        const killer = await killAtCall(folder);
        const start = (): string[] => {
          for (const suffix of ["-wal", "-shm", ""])
            Bun.spawnSync(["rm", "-f", `${folder.at("usage.db")}${suffix}`]);
          cpSync(folder.at("template.db"), folder.at("usage.db"));
          cpSync(folder.at("template-backup.db"), folder.at("backup.db"));
          const hash = readFileSync(folder.at("template-backup.db.sha256"), "utf8");
          writeFileSync(folder.at("backup.db.sha256"), hash);
          return ["-e", FORGET, folder.at("usage.db"), folder.at("backup.db")];
        };
        const calls = await killer.count(start());
        for (let round = 0; round < 6 * FAULT_ROUNDS; round++) {
          const call = 1 + Math.floor(dice.next() * calls);
          const wasKilled = await killer.kill(start(), call);
          const context = { call, wasKilled };
          const whole = [20, 20];
          const state = standing(folder.at("usage.db"));
          expect([context, [whole, [0, 0]].some((one) => Bun.deepEquals(one, state))]).toEqual([
            context,
            true,
          ]);
          expect(existsSync(folder.at("backup.db"))).toBe(true);
          verifiedHash(folder.at("backup.db"));
          const report = forgetUsage(
            folder.at("usage.db"),
            { kind: "session", sessionId: SECRET },
            { rollups: true, backups: [folder.at("backup.db")], now: () => NOON },
          );
          expect([context, report]).toMatchObject([context, { found: [], isProved: true }]);
          const left = readdirSync(folder.path, { withFileTypes: true })
            .filter(
              (entry) => entry.isFile() && readFileSync(folder.at(entry.name)).includes(SECRET),
            )
            .map(({ name }) => name);
          expect([context, left.filter((name) => !name.startsWith("template"))]).toEqual([
            context,
            [],
          ]);
          expect(standing(folder.at("usage.db"))).toEqual([0, 0]);
        }
      });
    },
    60_000 * FAULT_ROUNDS,
  );
});
