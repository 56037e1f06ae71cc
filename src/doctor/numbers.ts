/** Whether the sums that reports read are those of the messages. */
import { foldedUsage, verifyRollups } from "../report/verify.ts";
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
    const observed = `${differences.length} sum(s) differ from the messages: ${differences.slice(0, LISTED).join("; ")}`;
    // Sums of what was folded are all that is left of it: nothing tells which of the two is right.
    if (foldedUsage(store) === null) {
      notes.problem("usage_rollups", {
        observed,
        remedy:
          "Run `usagedb doctor --fix`: it sums hours and totals anew from the messages, of which none was folded.",
        fix: "sums",
      });
    } else {
      notes.problem("usage_rollups", {
        observed,
        remedy:
          "Messages were folded, so they cannot all be summed anew: restore a backup whose `usagedb report daily --verify` is clean with `usagedb restore`, then run `usagedb sync`.",
      });
    }
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
