/** A sync whose snapshots tell what the reports say: ingest and report, put together for embedders. */
import { ingestTranscripts, type SyncOptions, type SyncReport } from "./ingest/sync.ts";
import type { UsageStore } from "./store/usage-store.ts";

/**
 * Reads what is new in every transcript; safe to repeat, to interrupt and to run twice at once.
 * Each batch commits its messages, hours, sessions, snapshots and file offsets together, so a kill leaves a
 * whole prefix. A session that changed gets one `stats` snapshot a sync: see `UsageStats`.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 * @throws {OperationError} CANCELLED when the signal was aborted; what was committed stays.
 */
export async function syncTranscripts(
  store: UsageStore,
  options: SyncOptions,
): Promise<SyncReport> {
  return ingestTranscripts(store, options, {
    readMoment: (...question) => {
      const { statsMoment } =
        require("./report/stats-moment.ts") as typeof import("./report/stats-moment.ts");
      return statsMoment(...question);
    },
  });
}
