/** A database that maintenance has worked on: rows folded, thinned and compacted, beside rows that are whole. */
import { type MaintainReport, openUsageDb, type UsageDb } from "../../src/index.ts";
import { setOverride } from "../../src/ingest/price-catalogue.ts";
import { rememberForgotten } from "../../src/store/usage-forgotten.ts";
import { NOON } from "./usage-db.ts";
import { message } from "./usage-message.ts";

const DAY = 86_400_000;
const LONG = "what a tool answered, over and over; ".repeat(40);

export interface MaintainedOptions {
  readonly rows?: number;
  /** What the payloads of all sessions speak of, and their snapshots name as active. */
  readonly mentions?: string;
  readonly sessions?: readonly string[];
}

/** Rows of the last 120 days, and jobs that ran at noon; every table has rows afterwards. */
export async function fillMaintained(
  path: string,
  { rows = 240, mentions = "nobody", sessions = ["s0", "s1", "s2", "s3"] }: MaintainedOptions = {},
): Promise<MaintainReport> {
  using db = openUsageDb(path, { now: () => NOON });
  setOverride(db, "model-1", [{ validFrom: 0, rates: { input: 3, output: 15 } }]);
  db.connection.transaction(() => fill(db, { rows, mentions, sessions }), "fill");
  rememberForgotten(
    db.connection,
    {
      sessions: ["long gone"],
      sources: ["/gone.jsonl"],
      project: "/gone",
      beforeMs: 200_000_000_000,
    },
    NOON,
  );
  db.retention.set("messages", "max_age_ms", 60 * DAY);
  db.retention.set("snapshots", "compact_after_ms", DAY);
  return await db.maintain({
    jobs: ["fold", "thin", "prune", "compact", "optimize"],
    trustClock: true,
  });
}

function fill(db: UsageDb, { rows, mentions, sessions }: Required<MaintainedOptions>): void {
  for (const [index, session_id] of sessions.entries())
    db.sessions.upsert({
      session_id,
      agent: "claude",
      project: `/p/${index}`,
      started_at: NOON - 120 * DAY,
    });
  const at = (index: number): number => NOON - Math.floor((120 * DAY * (rows - index)) / rows);
  for (let index = 0; index < rows; index++) {
    const session_id = sessions[index % sessions.length] ?? "s0";
    const timestamp = at(index);
    const text = `${index} ${LONG}`;
    db.events.insert({
      source_app: "a",
      session_id,
      hook_event_type: "Stop",
      payload: { index, about: `see ${mentions}`, text },
      chat: index % 3 === 0 ? JSON.stringify([text]) : null,
      timestamp,
      dedupe_key: `event-${index}`,
    });
    for (const later of [0, 60_000])
      db.snapshots.insert({
        session_id,
        snapshot_data: JSON.stringify({ index, recent_sessions: [{ session_id: mentions }], text }),
        timestamp: timestamp + later,
      });
    for (const later of [0, 60_000, 120_000])
      db.limitSamples.record([
        {
          agent: "claude",
          limit_name: "five_hour",
          window_minutes: 300,
          used_percent: 10 + later / 60_000,
          resets_at: timestamp - (timestamp % DAY) + DAY,
          session_id,
          observed_at: timestamp + later,
        },
      ]);
  }
  db.messages.record(
    Array.from({ length: rows }, (_, index) =>
      message({
        message_id: `msg_${index}`,
        request_id: `req_${index}`,
        session_id: sessions[index % sessions.length] ?? "s0",
        project: `/p/${index % sessions.length}`,
        model: `model-${index % 3}`,
        timestamp: at(index),
        input_tokens: index + 1,
      }),
    ),
  );
  db.connection.runOnce(
    `INSERT INTO usage_host (id, host, created_at) VALUES (1, 'here', ${NOON})`,
  );
  for (let index = 0; index < 40; index++)
    db.connection.runOnce(
      `INSERT INTO bars_cache (symbol, timeframe, timestamp, provider, open, high, low, close, volume)
       VALUES ('S${index % 4}', '1d', ${at(index)}, 'yahoo', 1, 3, 0.5, 2, 1)`,
    );
  db.sources.ensure("claude", "/transcripts/s1.jsonl");
}
