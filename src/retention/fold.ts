/** The job that folds messages, when a policy asks for it: the only one that ever deletes any. */
import { HOUR_MS } from "../store/token-counts.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { noteClock, trustedNow } from "./clock.ts";
import type { MaintenanceJob } from "./job.ts";
import { MESSAGE_BYTES, messagesBefore } from "./message-folding.ts";
import { removeAll } from "./removal.ts";

const ROWS_PER_MS = 15;

export const foldJob: MaintenanceJob = {
  name: "fold",
  description: "fold old messages into quarters of an hour, where messages.max_age_ms asks for it",

  estimate(store, options) {
    const cutoff = cutoffOf(store, trustedNow(store, options.trustClock === true));
    const [[rows] = []] =
      cutoff === null
        ? [[0]]
        : store.connection
            .prepare("SELECT count(*) FROM usage_message_rows WHERE timestamp < ?", "fold messages")
            .values(cutoff);
    return {
      rows: Number(rows),
      bytes: Number(rows) * MESSAGE_BYTES,
      expectedMs: Math.ceil(Number(rows) / ROWS_PER_MS),
      staysAnswerable:
        "Every report by day, week, month, block and session; not the single messages, nor where they were read.",
    };
  },

  async run({ store, pace, options, progress }) {
    const now = trustedNow(store, options.trustClock === true);
    const cutoff = cutoffOf(store, now);
    if (cutoff === null) return { outcome: "done", rows: 0, bytes: 0, detail: {} };
    await pace.write(() => noteClock(store, options.trustClock === true), "note the clock");
    let done = 0;
    const { rows, bytes, isComplete } = await removeAll(
      messagesBefore(store, cutoff),
      pace,
      (removed) => progress((done += removed.rows), null),
    );
    return { outcome: isComplete ? "done" : "partial", rows, bytes, detail: { messages: rows } };
  },
};

/** The start of an hour, so that none is folded in part. */
function cutoffOf({ retention }: UsageStore, now: number): number | null {
  const maxAgeMs = retention.get("messages", "max_age_ms");
  if (maxAgeMs === null) return null;
  const cutoff = Math.max(0, now - maxAgeMs);
  return cutoff - (cutoff % HOUR_MS);
}
