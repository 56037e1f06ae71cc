/** `sync`, `prune`, `backup`, `restore` and `migrate adopt` under faults. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { backupDatabase, openUsageDb, syncTranscripts } from "../../src/index.ts";
import { chance } from "../support/fault-rounds.ts";
import { createEventsDb, fillEventsDb, PLAIN } from "../support/events-db.ts";
import { appendLines, assistant, writeLines } from "../support/transcripts.ts";
import type { Operation } from "./operation.ts";
import { lookAt, lookAtUsage, oneOf } from "./soundness.ts";

const DAY_MS = 86_400_000;
const OLD_ROWS = 150;
const KEPT_ROWS = 4;

/** A moment that stays the same while files of one template are compared. */
const yesterday = (): number => Date.now() - DAY_MS;

const line = (index: number, at: number): object =>
  assistant({ id: `m${index}`, requestId: `r${index}`, timestamp: at + index * 1000 });

/** Lines that were read before, and that came since. */
const READ = 4;
const NEW = 6;

export const sync: Operation = {
  name: "sync",
  prepare: async (folder) => {
    const transcript = `${folder}/claude/projects/app/session-1.jsonl`;
    const at = yesterday();
    writeLines(
      transcript,
      Array.from({ length: READ }, (_, index) => line(index, at)),
    );
    using db = openUsageDb(`${folder}/usage.db`);
    await syncTranscripts(db, { claudeRoots: [`${folder}/claude/projects`] });
    appendLines(
      transcript,
      Array.from({ length: NEW }, (_, index) => line(READ + index, at)),
    );
    writeLines(`${folder}/claude/projects/app/session-2.jsonl`, [line(READ + NEW, at)]);
  },
  argv: ["sync", "--agent", "claude", "--db", "usage.db"],
  env: (folder) => ({ CLAUDE_CONFIG_DIR: `${folder}/claude` }),
  look: (folder) => {
    let count = 0;
    const problems = lookAtUsage(`${folder}/usage.db`, (db) => {
      const ids = db.connection
        .readOnce("SELECT message_id FROM usage_messages ORDER BY timestamp")
        .map(([id]) => String(id));
      count = ids.length;
      const wrong = ids.filter((id, index) => id !== `m${index}`);
      const total = Number(oneOf(db.connection, "SELECT sum(input_tokens) FROM usage_rollups"));
      return [
        ...(count < READ ? [`${READ - count} messages that were there are lost`] : []),
        ...(wrong.length > 0 ? [`messages ${wrong.join()} without those before them`] : []),
        ...(total === count * 10 ? [] : [`${total} input tokens of ${count} messages`]),
      ];
    });
    return { problems, isComplete: count === READ + NEW + 1 };
  },
};

/** Old snapshots and young ones, by turns. */
function fillSnapshots(path: string): void {
  using db = openUsageDb(path);
  const [old, young] = [Date.now() - 40 * DAY_MS, yesterday()];
  db.snapshots.insertMany(
    Array.from({ length: OLD_ROWS + KEPT_ROWS }, (_, index) => {
      const isKept = index % 38 === 0 && index / 38 < KEPT_ROWS;
      return {
        session_id: isKept ? "kept" : "old",
        snapshot_data: { index },
        timestamp: (isKept ? young : old) + index,
      };
    }),
  );
}

const countOf = (session: string): string =>
  `SELECT count(*) FROM usage_snapshots WHERE session_id = '${session}'`;

export const prune: Operation = {
  name: "prune",
  prepare: async (folder) => fillSnapshots(`${folder}/usage.db`),
  argv: ["prune", "--older-than", "30d", "--db", "usage.db"],
  look: (folder) => {
    let old = -1;
    const problems = lookAtUsage(`${folder}/usage.db`, ({ connection }) => {
      old = Number(oneOf(connection, countOf("old")));
      const kept = oneOf(connection, countOf("kept"));
      return kept === KEPT_ROWS ? [] : [`${String(kept)} young snapshots of ${KEPT_ROWS}`];
    });
    return { problems, isComplete: old === 0 };
  },
};

const NOTES = 120;

/** A small database with a text in every row. */
function fillNotes(path: string, text: string): void {
  using db = openUsageDb(path);
  db.snapshots.insertMany(
    Array.from({ length: NOTES }, (_, index) => ({
      session_id: text,
      snapshot_data: { index, text: text.repeat(100) },
    })),
  );
}

const whole = (path: string, text: string): string[] =>
  lookAt(path, (db) => {
    const count = oneOf(db, countOf(text));
    const all = oneOf(db, "SELECT count(*) FROM usage_snapshots");
    return count === NOTES && all === NOTES
      ? []
      : [`${path} has ${String(count)} rows of ${text} and ${String(all)} in all, of ${NOTES}`];
  });

export const backup: Operation = {
  name: "backup",
  prepare: async (folder) => fillNotes(`${folder}/usage.db`, "live"),
  argv: ["backup", "safe.db", "--db", "usage.db"],
  look: (folder) => {
    const problems = whole(`${folder}/usage.db`, "live");
    const isThere = existsSync(`${folder}/safe.db`);
    const hash = existsSync(`${folder}/safe.db.sha256`)
      ? readFileSync(`${folder}/safe.db.sha256`, "utf8").slice(0, 64)
      : null;
    if (isThere) {
      // A name is given to what is whole and flushed only, so it may be believed without its hash.
      const bytes = readFileSync(`${folder}/safe.db`);
      const own = Bun.CryptoHasher.hash("sha256", bytes, "hex");
      if (hash === null) problems.push("safe.db stands there without its SHA-256");
      else if (hash !== own) problems.push("safe.db is not what its SHA-256 says");
      problems.push(...whole(`${folder}/safe.db`, "live"));
    }
    return { problems, isComplete: isThere && hash !== null };
  },
};

export const restore: Operation = {
  name: "restore",
  prepare: async (folder) => {
    fillNotes(`${folder}/new.db`, "safe");
    {
      using db = openUsageDb(`${folder}/new.db`);
      backupDatabase(db.connection, `${folder}/safe.db`);
    }
    fillNotes(`${folder}/usage.db`, "live");
  },
  argv: ["restore", "safe.db", "--yes", "--db", "usage.db"],
  look: (folder) => {
    const [live, safe] = ["live", "safe"].map((text) => whole(`${folder}/usage.db`, text));
    const isComplete = safe?.length === 0;
    return { problems: live?.length === 0 || isComplete ? [] : (live ?? []), isComplete };
  },
};

const OLD_EVENTS = 60;

export const adopt: Operation = {
  name: "adopt",
  prepare: async (folder) => {
    const old = createEventsDb(`${folder}/events.db`, PLAIN);
    fillEventsDb(old, PLAIN, OLD_EVENTS, chance(1));
    old.close(true);
    using db = openUsageDb(`${folder}/usage.db`);
    db.snapshots.insert({ session_id: "own", snapshot_data: {} });
  },
  argv: ["migrate", "adopt", "events.db", "--db", "usage.db"],
  look: (folder) => {
    let isComplete = false;
    const problems = lookAtUsage(`${folder}/usage.db`, ({ connection }) => {
      const events = oneOf(connection, "SELECT count(*) FROM events");
      const snapshots = Number(oneOf(connection, "SELECT count(*) FROM usage_snapshots")) - 1;
      isComplete = events === OLD_EVENTS && snapshots === OLD_EVENTS;
      const own = oneOf(connection, countOf("own"));
      return [
        ...(own === 1 ? [] : ["the row that was there is lost"]),
        ...(isComplete || (events === 0 && snapshots === 0)
          ? []
          : [`${String(events)} events and ${snapshots} snapshots of ${OLD_EVENTS}`]),
      ];
    });
    const old = lookAt(`${folder}/events.db`, (db) => {
      const count = oneOf(db, "SELECT count(*) FROM events");
      return count === OLD_EVENTS ? [] : [`the old file has ${String(count)} events`];
    });
    return { problems: [...problems, ...old], isComplete };
  },
};

/** Names of files that an operation left beside its own. */
export const leftovers = (folder: string, pattern: RegExp): string[] =>
  readdirSync(folder).filter((name) => pattern.test(name));
