/** What a proof of migrations says, as plain data. */
import type { SourcePosition, UsageDbError } from "../../../errors.ts";
import type { Version } from "../../../migration/version.ts";

/**
 * files: they can be read · fresh: all of them run on an empty database · idempotence: a second up does nothing ·
 * validate: the result is sound · rollback: undoing everything leaves the ledger alone · round-trip-empty and
 * round-trip-filled: each version up, down and up again · pairs-empty and pairs-filled: from every version to every
 * other one · constraints, foreign-keys: violated on purpose and
 * refused · defaults: rows that migrations insert come back ·  concurrent-starts · kill-points: cut off before a statement · kills: at a random moment
 */
export type ProofTopic =
  | "files"
  | "fresh"
  | "idempotence"
  | "validate"
  | "rollback"
  | "round-trip-empty"
  | "round-trip-filled"
  | "pairs-empty"
  | "pairs-filled"
  | "constraints"
  | "foreign-keys"
  | "defaults"
  | "concurrent-starts"
  | "kill-points"
  | "kills";

export type ProofStatus = "passed" | "failed" | "not-tested";

/** One thing that was proved, disproved or left open. */
export interface ProofCheck {
  readonly topic: ProofTopic;
  readonly status: ProofStatus;
  /** What was looked at: a version, a table, the whole directory. */
  readonly subject: string;
  readonly version: Version | null;
  readonly table: string | null;
  /** Where in the migrations to look; null when it is about no single place. */
  readonly position: SourcePosition | null;
  /** What was seen; for a check that passed, what it consisted of. */
  readonly observed: string;
  /** The way out; null when there is nothing to do. */
  readonly remedy: string | null;
}

export interface ProofReport {
  /** True when no check failed; checks that were not tested do not count against it. */
  readonly isProved: boolean;
  /** The source's own name for itself. */
  readonly source: string;
  readonly versions: readonly Version[];
  readonly rows: number;
  /** The same seed makes the same choices again. */
  readonly seed: number;
  readonly counts: {
    readonly passed: number;
    readonly failed: number;
    readonly notTested: number;
  };
  readonly checks: readonly ProofCheck[];
}

/** The report over all checks. */
export function summarise(
  checks: readonly ProofCheck[],
  about: Pick<ProofReport, "source" | "versions" | "rows" | "seed">,
): ProofReport {
  const count = (wanted: ProofStatus): number =>
    checks.filter(({ status }) => status === wanted).length;
  return {
    isProved: count("failed") === 0,
    ...about,
    counts: { passed: count("passed"), failed: count("failed"), notTested: count("not-tested") },
    checks,
  };
}

export type ProofEvent =
  | { readonly type: "topic-started"; readonly topic: ProofTopic }
  | {
      readonly type: "topic-finished";
      readonly topic: ProofTopic;
      readonly checks: readonly ProofCheck[];
    };

type CheckPlace = Partial<Pick<ProofCheck, "version" | "table" | "position">>;

export function passed(
  topic: ProofTopic,
  subject: string,
  observed: string,
  place: CheckPlace = {},
): ProofCheck {
  return check(topic, "passed", subject, { observed, remedy: null }, place);
}

export function failed(
  topic: ProofTopic,
  subject: string,
  found: { readonly observed: string; readonly remedy: string },
  place: CheckPlace = {},
): ProofCheck {
  return check(topic, "failed", subject, found, place);
}

export function notTested(
  topic: ProofTopic,
  subject: string,
  found: { readonly observed: string; readonly remedy: string | null },
  place: CheckPlace = {},
): ProofCheck {
  return check(topic, "not-tested", subject, found, place);
}

/** A typed error as a failed check: its version, its position and its hint are what the author needs. */
export function failedBy(
  topic: ProofTopic,
  subject: string,
  error: UsageDbError,
  remedy = error.hint,
): ProofCheck {
  const { version, position, reason } = error.details;
  // The message repeats the place, which the check has already.
  const observed =
    error.code === "MIGRATION_FAILED" && typeof reason === "string" ? reason : error.message;
  return failed(
    topic,
    subject,
    { observed, remedy },
    {
      version: typeof version === "number" ? version : null,
      position:
        typeof position === "object" && position !== null ? (position as SourcePosition) : null,
    },
  );
}

function check(
  topic: ProofTopic,
  status: ProofStatus,
  subject: string,
  found: { readonly observed: string; readonly remedy: string | null },
  { version = null, table = null, position = null }: CheckPlace,
): ProofCheck {
  return { topic, status, subject, version, table, position, ...found };
}
