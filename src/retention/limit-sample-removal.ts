/** Limit samples that go: by age, or because the hours of a window need no more than their last. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { LIMIT_SAMPLE_FOLD } from "./fold-rule.ts";
import { foldRows, type Guard } from "./fold-rows.ts";
import { type Removal, removalWhere } from "./removal.ts";

const HOUR_MS = 3_600_000;

/** Another sample of the same window of the same limit. */
const SAME_WINDOW = `other.agent = usage_limit_samples.agent AND other.limit_name = usage_limit_samples.limit_name
  AND other.resets_at IS usage_limit_samples.resets_at`;

const isBefore = (left: string, right: string): string =>
  `(${left}.observed_at < ${right}.observed_at OR ${left}.observed_at = ${right}.observed_at AND ${left}.id < ${right}.id)`;

const OWN = "usage_limit_samples";

/** True of a sample with one that is later by its session, which repeats what it heard last. */
const IS_NOT_LAST_OF_SESSION = `EXISTS (
  SELECT 1 FROM usage_limit_samples AS other
  WHERE other.session_id = ${OWN}.session_id AND other.agent = ${OWN}.agent AND other.limit_name = ${OWN}.limit_name
    AND ${isBefore(OWN, "other")})`;

/**
 * True of a sample that neither reports nor learned limits miss: a later one of its window lies in its hour, an earlier
 * one in its window, and another tells of the window what it is learned from, which is the first sample of its highest
 * percentage up to 100. That one is looked for as far around as the window is long.
 */
const IS_SURPLUS = `EXISTS (
    SELECT 1 FROM usage_limit_samples AS other
    WHERE ${SAME_WINDOW} AND ${isBefore(OWN, "other")}
      AND other.observed_at < ${OWN}.observed_at - ${OWN}.observed_at % ${HOUR_MS} + ${HOUR_MS})
  AND EXISTS (
    SELECT 1 FROM usage_limit_samples AS other
    WHERE ${SAME_WINDOW} AND ${isBefore("other", OWN)}
      AND other.observed_at >= ${OWN}.observed_at - ${OWN}.window_minutes * 60000)
  AND EXISTS (
    SELECT 1 FROM usage_limit_samples AS other
    WHERE ${SAME_WINDOW} AND other.id <> ${OWN}.id AND other.used_percent <= 100
      AND other.observed_at BETWEEN ${OWN}.observed_at - ${OWN}.window_minutes * 60000
        AND ${OWN}.observed_at + ${OWN}.window_minutes * 60000
      AND (${OWN}.used_percent > 100 OR other.used_percent > ${OWN}.used_percent
        OR other.used_percent = ${OWN}.used_percent AND ${isBefore("other", OWN)}))
  AND ${IS_NOT_LAST_OF_SESSION}`;

/** The newest of a limit says what is known of it. */
const IS_NOT_NEWEST = `EXISTS (
  SELECT 1 FROM usage_limit_samples AS other
  WHERE other.agent = ${OWN}.agent AND other.limit_name = ${OWN}.limit_name AND ${isBefore(OWN, "other")})`;

/** @param range both ends are full hours, in epoch milliseconds. */
export function limitSamplesToThin(
  connection: Connection,
  range: { readonly fromMs: number; readonly toMs: number },
): Removal {
  return samplesWhere(connection, {
    condition: `observed_at >= ?2 AND observed_at < ?3 AND ${IS_SURPLUS}`,
    values: [range.fromMs, range.toMs],
  });
}

export function limitSamplesBefore(connection: Connection, cutoff: number): Removal {
  return samplesWhere(connection, {
    condition: `observed_at < ?2 AND ${IS_NOT_NEWEST} AND ${IS_NOT_LAST_OF_SESSION}`,
    values: [cutoff],
  });
}

function samplesWhere(connection: Connection, guard: Guard): Removal {
  return removalWhere(connection, {
    table: "usage_limit_samples",
    ...guard,
    order: "observed_at",
    action: "prune limit samples",
    remove: (ids) => foldRows(connection, LIMIT_SAMPLE_FOLD, { ids, guard }),
  });
}
