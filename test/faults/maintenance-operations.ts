/** The jobs of `usagedb maintain` under faults, each by its name. */
import { readdirSync } from "node:fs";
import { openUsageDb, reportDaily, type UsageDb } from "../../src/index.ts";
import { message } from "../support/usage-message.ts";
import type { Operation } from "./operation.ts";
import { lookAt, lookAtUsage, oneOf } from "./soundness.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const hoursAgo = (hours: number): number =>
  Math.floor(Date.now() / HOUR_MS) * HOUR_MS - hours * HOUR_MS;

const countOf = ({ connection }: UsageDb, sql: string): number => Number(oneOf(connection, sql));

const expectCount = (what: string, observed: number, expected: number): string[] =>
  observed === expected ? [] : [`${observed} ${what}, expected ${expected}`];

const job = (name: string): readonly string[] => ["maintain", name, "--db", "usage.db"];

const MESSAGES = { old: 30, young: 10 };

/** Old messages become sums: the totals of every day are as before at any moment. */
export const fold: Operation = {
  name: "fold",
  prepare: async (folder) => {
    using db = openUsageDb(`${folder}/usage.db`);
    const { old, young } = MESSAGES;
    db.messages.record(
      Array.from({ length: old + young }, (_, index) =>
        message({
          message_id: `m${index}`,
          timestamp: (index < old ? hoursAgo(60 * 24) : hoursAgo(20)) + index * 60_000,
        }),
      ),
    );
    db.retention.set("messages", "max_age_ms", 30 * DAY_MS);
  },
  argv: job("fold"),
  look: (folder) => {
    let rows = -1;
    const { old, young } = MESSAGES;
    const problems = lookAtUsage(`${folder}/usage.db`, (db) => {
      rows = countOf(db, "SELECT count(*) FROM usage_message_rows");
      const { totals } = reportDaily(db, { timeZone: "UTC" });
      const youngRows = countOf(
        db,
        `SELECT count(*) FROM usage_message_rows WHERE timestamp > ${hoursAgo(24)}`,
      );
      return [
        ...expectCount("young messages", youngRows, young),
        ...expectCount("input tokens", totals.inputTokens, 10 * (old + young)),
        ...expectCount("output tokens", totals.outputTokens, 5 * (old + young)),
      ];
    });
    return { problems, isComplete: rows === young };
  },
};

const HOURS = 5;

/** Of each hour of three days ago one snapshot stays. */
export const thin: Operation = {
  name: "thin",
  prepare: async (folder) => {
    using db = openUsageDb(`${folder}/usage.db`);
    const old = Array.from({ length: HOURS * 6 }, (_, index) => ({
      session_id: "old",
      snapshot_data: { index },
      timestamp: hoursAgo(72) + Math.floor(index / 6) * HOUR_MS + (index % 6) * 600_000,
    }));
    const young = Array.from({ length: 4 }, (_, index) => ({
      session_id: "young",
      snapshot_data: { index },
      timestamp: Date.now() - index * 60_000,
    }));
    db.snapshots.insertMany([...old, ...young]);
  },
  argv: job("thin"),
  look: (folder) => {
    let old = -1;
    const problems = lookAtUsage(`${folder}/usage.db`, (db) => {
      old = countOf(db, "SELECT count(*) FROM usage_snapshots WHERE session_id = 'old'");
      const hours = countOf(
        db,
        `SELECT count(DISTINCT timestamp / ${HOUR_MS}) FROM usage_snapshots WHERE session_id = 'old'`,
      );
      const young = countOf(db, "SELECT count(*) FROM usage_snapshots WHERE session_id = 'young'");
      return [
        ...expectCount("hours with a snapshot", hours, HOURS),
        ...expectCount("young snapshots", young, 4),
      ];
    });
    return { problems, isComplete: old === HOURS };
  },
};

const EVENTS = { old: 40, young: 8 };

function fillEvents(path: string, { old, young }: typeof EVENTS, days: number): void {
  using db = openUsageDb(path);
  for (let index = 0; index < old + young; index++)
    db.events.insert({
      source_app: "agent",
      session_id: `s${index % 3}`,
      hook_event_type: "Stop",
      payload: { index, text: "payload ".repeat(120) },
      timestamp: index < old ? hoursAgo(days * 24) + index * 60_000 : Date.now() - index * 1000,
    });
}

/** Events that outlived their policy go, the younger ones stay. */
export const pruneByPolicy: Operation = {
  name: "maintain-prune",
  prepare: async (folder) => fillEvents(`${folder}/usage.db`, EVENTS, 100),
  argv: job("prune"),
  look: (folder) => {
    let rows = -1;
    const problems = lookAtUsage(`${folder}/usage.db`, (db) => {
      rows = countOf(db, "SELECT count(*) FROM events");
      const young = countOf(db, `SELECT count(*) FROM events WHERE timestamp > ${hoursAgo(48)}`);
      return expectCount("young events", young, EVENTS.young);
    });
    return { problems, isComplete: rows === EVENTS.young };
  },
};

/** Payloads that are compressed are read as before. */
export const compact: Operation = {
  name: "compact",
  prepare: async (folder) => fillEvents(`${folder}/usage.db`, EVENTS, 20),
  argv: job("compact"),
  look: (folder) => {
    let compacted = -1;
    const { old, young } = EVENTS;
    const problems = lookAtUsage(`${folder}/usage.db`, (db) => {
      // What stands in the column then is a marker of a few characters.
      compacted = countOf(db, "SELECT count(*) FROM events WHERE length(payload) < 100");
      const text = "payload ".repeat(120);
      const wrong = db.events.after(0, 1000).filter(({ payload, id }) => {
        const data = JSON.parse(payload) as { index: number; text: string };
        return data.index !== id - 1 || data.text !== text;
      });
      return [
        ...expectCount("events", countOf(db, "SELECT count(*) FROM events"), old + young),
        ...expectCount("events that say something else", wrong.length, 0),
      ];
    });
    return { problems, isComplete: compacted === old };
  },
};

/** Free pages go back to the file system, the rows stay. */
export const vacuum: Operation = {
  name: "vacuum",
  prepare: async (folder) => {
    fillEvents(`${folder}/usage.db`, { old: 200, young: 8 }, 20);
    using db = openUsageDb(`${folder}/usage.db`);
    db.connection.runOnce("DELETE FROM events WHERE id <= 200");
  },
  argv: job("vacuum"),
  look: (folder) => {
    let free = -1;
    const problems = lookAtUsage(`${folder}/usage.db`, (db) => {
      free = countOf(db, "PRAGMA freelist_count");
      return expectCount("events", countOf(db, "SELECT count(*) FROM events"), 8);
    });
    return { problems, isComplete: free === 0 };
  },
};

/** A backup in its folder is whole, whenever it is seen there. */
export const backupByJob: Operation = {
  name: "maintain-backup",
  prepare: async (folder) => fillEvents(`${folder}/usage.db`, EVENTS, 20),
  argv: job("backup"),
  look: (folder) => {
    const rows = EVENTS.old + EVENTS.young;
    const problems = lookAtUsage(`${folder}/usage.db`, (db) =>
      expectCount("events", countOf(db, "SELECT count(*) FROM events"), rows),
    );
    const names = readdirSync(folder, { recursive: true }).map(String);
    const copies = names.filter((name) => /^backups\/[^.][^/]*\.backup$/.test(name));
    for (const name of copies)
      problems.push(
        ...lookAt(`${folder}/${name}`, (db) =>
          expectCount(`events in ${name}`, Number(oneOf(db, "SELECT count(*) FROM events")), rows),
        ),
      );
    const isHashed = copies.some((name) => names.includes(`${name}.sha256`));
    return { problems, isComplete: isHashed };
  },
};

/** The WAL goes into the database. */
export const checkpointByJob: Operation = {
  name: "checkpoint",
  prepare: async (folder) => fillEvents(`${folder}/usage.db`, EVENTS, 20),
  argv: job("checkpoint"),
  look: (folder) => {
    let runs = -1;
    const problems = lookAtUsage(`${folder}/usage.db`, (db) => {
      runs = db.maintenanceRuns
        .list({ job: "checkpoint" })
        .filter(({ outcome }) => outcome === "done").length;
      const rows = countOf(db, "SELECT count(*) FROM events");
      return expectCount("events", rows, EVENTS.old + EVENTS.young);
    });
    return { problems, isComplete: runs > 0 };
  },
};
