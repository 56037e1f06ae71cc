/** What each retention policy does, for people. */
import type { RetentionRule, RetentionSubject } from "./retention-policies.ts";

/** By `subject.rule`; a test holds the keys and the README's table to the policies. */
export const RETENTION_MEANINGS: Readonly<
  Partial<Record<`${RetentionSubject}.${RetentionRule}`, string>>
> = {
  "snapshots.hourly_after_ms": "of older snapshots one an hour of each session and type stays",
  "snapshots.daily_after_ms": "of older snapshots one a day of each session and type stays",
  "snapshots.max_age_ms": "older snapshots go",
  "snapshots.max_rows_per_session": "of a session with more snapshots the oldest go",
  "snapshots.max_bytes": "of more snapshots than that the oldest go",
  "snapshots.compact_after_ms": "older snapshots are compressed; they read as before",
  "events.max_age_ms": "older events go",
  "events.max_bytes": "of more events than that the oldest go",
  "events.payload_max_bytes": "of more bytes of payloads than that the oldest events go",
  "events.compact_after_ms": "older payloads are compressed; they read as before",
  "messages.max_age_ms": "older messages go; their sums stay",
  "limit_samples.hourly_after_ms": "of older limit samples one an hour of each limit stays",
  "limit_samples.max_age_ms": "older limit samples go",
  "runs.max_age_ms": "older records of maintenance go",
  "database.max_bytes": "what is oldest goes until the file is that small",
};
