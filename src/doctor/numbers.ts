/** Whether the sums that reports read are those of the messages. */
import { verifyRollups } from "../report/verify.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

const LISTED = 3;

/** Reads every message once. */
export function examineNumbers(store: UsageStore): TopicReport {
  const notes = new TopicNotes("numbers");
  const count = (sql: string): number => Number(store.connection.readOnce(sql)[0]?.[0] ?? 0);
  notes.fact("messages", count("SELECT count(*) FROM usage_message_rows"));
  notes.fact("hours", count("SELECT count(*) FROM usage_rollups"));
  const differences = verifyRollups(store);
  if (differences.length > 0) {
    notes.problem("usage_rollups", {
      observed: `${differences.length} sum(s) differ from the messages: ${differences.slice(0, LISTED).join("; ")}`,
      remedy:
        "Run `usagedb report daily --verify` for the list; a restored backup or a fresh sync has the right ones.",
    });
  }
  const unpriced = store.connection.readOnce(
    `SELECT DISTINCT model FROM usage_rollups
     WHERE cost_picousd IS NULL AND input_tokens + output_tokens + cache_read_tokens > 0
     ORDER BY 1`,
  );
  if (unpriced.length > 0) {
    notes.remark("prices", {
      observed: `no price is known of ${unpriced.map(([model]) => String(model)).join(", ")}`,
      remedy:
        "Say what they cost with `usagedb prices set`; their tokens are counted, their cost is not.",
    });
  }
  return notes.report();
}
