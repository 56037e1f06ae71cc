/** What a rehearsal says, as plain data. */
import type { SourcePosition } from "../../../errors.ts";
import type { Direction } from "../../../migration/plan.ts";
import type { Version } from "../../../migration/version.ts";

/**
 * hazard: `up` would refuse · step-failed: a step does not run on these rows · schema: not the same after there and
 * back · rows-lost, values-changed, rows-added: not the same content after there and back · unforeseen: a table
 * changed that no statement was seen to write · dropped-in-rebuild: a trigger or an index went with a table that came
 * back · sequence: ids of deleted rows would be given out again · integrity, foreign-keys: found by SQLite's checks
 */
export type RehearsalProblemKind =
  | "hazard"
  | "step-failed"
  | "schema"
  | "rows-lost"
  | "values-changed"
  | "rows-added"
  | "unforeseen"
  | "dropped-in-rebuild"
  | "sequence"
  | "integrity"
  | "foreign-keys";

/** When it was seen: after the first up, after the down, after the second up; before, without running anything. */
export type RehearsalMoment = "before" | "up" | "down" | "up-again";

export interface RehearsalProblem {
  readonly kind: RehearsalProblemKind;
  readonly moment: RehearsalMoment;
  /** The version to blame, when it is a single one. */
  readonly version: Version | null;
  readonly table: string | null;
  /** Where in the migrations to look; null when it is about no single place. */
  readonly position: SourcePosition | null;
  readonly observed: string;
  readonly remedy: string;
  /** Rows that are concerned, and the primary keys of a few of them as SQL literals. */
  readonly rowCount: number | null;
  readonly keys: readonly string[];
}

export interface RehearsedStep {
  readonly moment: "up" | "down" | "up-again";
  readonly direction: Direction;
  readonly version: Version;
  readonly name: string;
  /** Wall time of the whole step on the copy: statements, checks, ledger, commit. */
  readonly durationMs: number;
}

/** A step that was left out, said so that nobody takes it for rehearsed. */
export interface LeftOutStep {
  readonly direction: Direction;
  readonly version: Version;
  readonly name: string;
  readonly reason: string;
}

/** One table's rows on the way; null where the table did not exist or nobody got that far. */
export interface RehearsedTable {
  readonly name: string;
  readonly before: number | null;
  readonly afterUp: number | null;
  readonly afterDown: number | null;
  readonly afterUpAgain: number | null;
}

export interface RehearsalReport {
  /** True when no problem was found; also when there was nothing to rehearse. */
  readonly isClean: boolean;
  readonly database: string;
  /** pending: up, down and up again · applied: down and up again of what is applied already. */
  readonly mode: "pending" | "applied";
  readonly fromVersion: Version;
  /** The version that the first half leads to. */
  readonly toVersion: Version;
  readonly steps: readonly RehearsedStep[];
  readonly leftOut: readonly LeftOutStep[];
  readonly tables: readonly RehearsedTable[];
  readonly problems: readonly RehearsalProblem[];
  /** Worth knowing, no fault: losses that a rollback is written for, what could not be compared. */
  readonly remarks: readonly string[];
  readonly copy: { readonly sizeBytes: number; readonly durationMs: number } | null;
  /** What the real run will take, measured on the copy: the first half's steps. */
  readonly estimateMs: number;
  readonly durationMs: number;
}

export type RehearsalEvent =
  | { readonly type: "copying"; readonly sizeBytes: number }
  | { readonly type: "copied"; readonly sizeBytes: number; readonly durationMs: number }
  | {
      readonly type: "step-started";
      readonly moment: RehearsedStep["moment"];
      readonly direction: Direction;
      readonly version: Version;
      readonly name: string;
    }
  | { readonly type: "step-finished"; readonly step: RehearsedStep }
  | { readonly type: "checking"; readonly moment: RehearsedStep["moment"] };

export type ProblemPlace = Partial<
  Pick<RehearsalProblem, "version" | "table" | "position" | "rowCount" | "keys">
>;

export function problem(
  kind: RehearsalProblemKind,
  moment: RehearsalMoment,
  found: { readonly observed: string; readonly remedy: string },
  place: ProblemPlace = {},
): RehearsalProblem {
  const { version = null, table = null, position = null, rowCount = null, keys = [] } = place;
  return { kind, moment, version, table, position, ...found, rowCount, keys };
}
