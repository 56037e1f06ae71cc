/** The provider's own word on its limits, from transcripts into the table of samples. */
import type { NewUsageLimitSample } from "../store/usage-limit-samples.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type { LimitRecord } from "./ingester.ts";

/** The names under which every source of samples stores these windows. */
const WINDOW_NAMES: Readonly<Record<number, string>> = { 300: "five_hour", 10_080: "seven_day" };

/**
 * Stores samples by time, and returns how many were new. A file that is read again, or stands in two places, says
 * what it said: one that is there for its moment is not stored again.
 */
export function storeLimitSamples(
  store: UsageStore,
  agent: string,
  records: readonly LimitRecord[],
): number {
  const samples = records.map((record) => sampleOf(record, agent));
  const fresh = samples.filter(
    ({ limit_name, observed_at: at, session_id }) =>
      !store.limitSamples
        .list(agent, limit_name, { fromMs: at, toMs: at + 1 })
        .some((known) => known.session_id === session_id),
  );
  const byMoment = new Map(
    fresh.map((sample) => [
      `${sample.session_id}\0${sample.limit_name}\0${sample.observed_at}`,
      sample,
    ]),
  );
  return store.limitSamples.record(
    [...byMoment.values()].sort((a, b) => a.observed_at - b.observed_at),
  );
}

function sampleOf(
  { sessionId, timestamp, windowMinutes, usedPercent, resetsAt }: LimitRecord,
  agent: string,
): NewUsageLimitSample & { readonly observed_at: number } {
  return {
    agent,
    limit_name: WINDOW_NAMES[windowMinutes] ?? `${windowMinutes}_minutes`,
    window_minutes: windowMinutes,
    used_percent: usedPercent,
    resets_at: resetsAt,
    observed_at: timestamp,
    session_id: sessionId,
  };
}
