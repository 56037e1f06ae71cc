/** What is kept how long: one row a rule, with a default that the migrations put there. */
import { InputError } from "../errors.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { checkInteger } from "./checks.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A thousand years: no span of ours reaches it, microseconds taken for milliseconds do. */
const MAX_AGE_MS = 365_000 * DAY_MS;

export interface RetentionPolicy {
  readonly subject: RetentionSubject;
  readonly rule: RetentionRule;
  /** Milliseconds, bytes or rows, as the rule's name says; null switches the rule off. */
  readonly value: number | null;
  /** When somebody set it; null while it is the default. */
  readonly updated_at: number | null;
}

export const RETENTION_POLICY_COLUMNS = [
  "subject",
  "rule",
  "value",
  "updated_at",
] as const satisfies readonly (keyof RetentionPolicy)[];

/** Every policy there is, with its default; the rows of the migrations, and a test compares the two. */
export const RETENTION_DEFAULTS: readonly RetentionDefault[] = [
  { subject: "snapshots", rule: "hourly_after_ms", value: DAY_MS },
  { subject: "snapshots", rule: "daily_after_ms", value: 30 * DAY_MS },
  { subject: "snapshots", rule: "max_age_ms", value: null },
  { subject: "snapshots", rule: "max_rows_per_session", value: null },
  { subject: "snapshots", rule: "max_bytes", value: null },
  { subject: "snapshots", rule: "compact_after_ms", value: null },
  { subject: "events", rule: "max_age_ms", value: 90 * DAY_MS },
  { subject: "events", rule: "max_bytes", value: null },
  { subject: "events", rule: "payload_max_bytes", value: null },
  { subject: "events", rule: "compact_after_ms", value: 7 * DAY_MS },
  { subject: "messages", rule: "max_age_ms", value: null },
  { subject: "limit_samples", rule: "hourly_after_ms", value: 30 * DAY_MS },
  { subject: "limit_samples", rule: "max_age_ms", value: null },
  { subject: "runs", rule: "max_age_ms", value: 90 * DAY_MS },
  { subject: "database", rule: "max_bytes", value: null },
];

type RetentionDefault = Pick<RetentionPolicy, "subject" | "rule" | "value">;

export type RetentionSubject =
  "snapshots" | "events" | "messages" | "limit_samples" | "runs" | "database";

export type RetentionRule =
  | "max_age_ms"
  | "max_rows_per_session"
  | "max_bytes"
  | "payload_max_bytes"
  | "compact_after_ms"
  | "hourly_after_ms"
  | "daily_after_ms";

/**
 * What a rule may be set to. The least is where a slip of the finger would cost everything: an hour, a row of each
 * session, a database that holds its own schema.
 */
export const RETENTION_RANGES: Readonly<
  Record<RetentionRule, readonly [min: number, max: number]>
> = {
  max_age_ms: [HOUR_MS, MAX_AGE_MS],
  max_rows_per_session: [1, 1e12],
  max_bytes: [1_000_000, 1e15],
  payload_max_bytes: [1_000, 1e12],
  compact_after_ms: [HOUR_MS, MAX_AGE_MS],
  hourly_after_ms: [HOUR_MS, MAX_AGE_MS],
  daily_after_ms: [HOUR_MS, MAX_AGE_MS],
};

export class RetentionPolicyStore {
  readonly #connection: Connection;
  readonly #now: () => number;

  constructor(connection: Connection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
  }

  /**
   * Every policy, in the order of the defaults. One whose row is gone is switched off: deleting a row never deletes
   * what it was about.
   * @throws {InputError} VALUE_INVALID for a value that `set` would have refused.
   */
  list(): RetentionPolicy[] {
    const rows = this.#connection
      .prepare<RetentionPolicy>(
        "SELECT subject, rule, value, updated_at FROM retention_policies",
        "read the retention policies",
      )
      .all();
    return RETENTION_DEFAULTS.map(({ subject, rule }) => {
      const row = rows.find(
        (candidate) => candidate.subject === subject && candidate.rule === rule,
      );
      return checked(row ?? { subject, rule, value: null, updated_at: null });
    });
  }

  /**
   * The value of one policy; null when it is switched off.
   * @throws {InputError} VALUE_INVALID for a policy that there is not, or a value that `set` would have refused.
   */
  get(subject: RetentionSubject, rule: RetentionRule): number | null {
    checkPolicy(subject, rule);
    const row = this.#connection
      .prepare<RetentionPolicy>(
        "SELECT subject, rule, value, updated_at FROM retention_policies WHERE subject = ? AND rule = ?",
        "read a retention policy",
      )
      .get(subject, rule);
    return row === null ? null : checked(row).value;
  }

  /**
   * Sets one policy; null switches it off. What it then deletes, the next run of its job deletes.
   * @throws {InputError} VALUE_INVALID.
   */
  set(subject: RetentionSubject, rule: RetentionRule, value: number | null): void {
    checkPolicy(subject, rule);
    this.#write(subject, rule, checkValue(subject, rule, value), this.#now());
  }

  /**
   * Puts policies back to their defaults: one, those of a subject, or all.
   * @throws {InputError} VALUE_INVALID.
   */
  reset(subject?: RetentionSubject, rule?: RetentionRule): void {
    const chosen = RETENTION_DEFAULTS.filter(
      (policy) =>
        (subject === undefined || policy.subject === subject) &&
        (rule === undefined || policy.rule === rule),
    );
    if (chosen.length === 0) refusePolicy(String(subject ?? "*"), rule);
    this.#connection.transaction(() => {
      for (const policy of chosen) this.#write(policy.subject, policy.rule, policy.value, null);
    }, "reset the retention policies");
  }

  #write(subject: string, rule: string, value: number | null, updatedAt: number | null): void {
    this.#connection
      .prepare(
        `INSERT INTO retention_policies (subject, rule, value, updated_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (subject, rule) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
        "change a retention policy",
      )
      .run(subject, rule, value, updatedAt);
  }
}

/** A value that some other program wrote is held to what `set` takes: a nonsensical one must delete nothing. */
function checked(policy: RetentionPolicy): RetentionPolicy {
  checkValue(policy.subject, policy.rule, policy.value);
  return policy;
}

function checkValue(subject: string, rule: RetentionRule, value: unknown): number | null {
  if (value === null) return null;
  return checkInteger(`${subject}.${rule}`, value, ...RETENTION_RANGES[rule]);
}

function checkPolicy(subject: string, rule: string): void {
  if (!RETENTION_DEFAULTS.some((policy) => policy.subject === subject && policy.rule === rule))
    refusePolicy(subject, rule);
}

function refusePolicy(subject: string, rule: string | undefined): never {
  const known = RETENTION_DEFAULTS.map((policy) => `${policy.subject}.${policy.rule}`);
  const name = rule === undefined ? subject : `${subject}.${rule}`;
  throw new InputError(
    "VALUE_INVALID",
    `Cannot use the retention policy ${JSON.stringify(name)}: there is none, expected one of ${known.join(", ")}`,
    { details: { field: "policy", observed: name, known } },
  );
}
