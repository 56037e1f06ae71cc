/** What a run tells of itself while it goes on. */
import type { Step } from "../migration/plan.ts";
import type { Drift, LockHolder } from "./driver.ts";
import type { StepRate } from "./progress-meter.ts";

export type MigrationEvent =
  | { readonly type: "planned"; readonly steps: readonly Step[] }
  | { readonly type: "started"; readonly step: Step }
  /** Before each statement; `number` counts from 1 within the step. */
  | {
      readonly type: "statement";
      readonly step: Step;
      readonly number: number;
      readonly statement: string;
    }
  /** An up is committed with its ledger row. */
  | { readonly type: "applied"; readonly step: Step; readonly executionTimeMs: number }
  /** A down is committed, and its ledger row gone. */
  | { readonly type: "rolled-back"; readonly step: Step; readonly executionTimeMs: number }
  /** A part of a step is committed; `rowsPerSecond` and `etaMs` count from this run, null until it can be told. */
  | ({ readonly type: "progress"; readonly step: Step } & StepRate)
  /** Nothing of the step is left; of a step in parts, what was committed before. */
  | { readonly type: "failed"; readonly step: Step; readonly error: unknown }
  /** Another process holds the lock; null when nothing is known of it. */
  | { readonly type: "waiting"; readonly step: Step; readonly holder: LockHolder | null }
  /** The schema is not what the ledger's migrations build. */
  | { readonly type: "drifted"; readonly drift: Drift }
  /** Another process changed the ledger first; the plan is made anew. */
  | { readonly type: "replanned" };
