/** Goes through a step in parts: one part, a pause, the next one, until the last has written the ledger row. */
import type { Step } from "../migration/plan.ts";
import type { MigrationDriver, StepContext, StepOutcome } from "./driver.ts";
import type { MigrationEvent } from "./migration-event.ts";
import { ProgressMeter, refuseInterrupted } from "./progress-meter.ts";
import { pause, settle, type Task } from "./task.ts";

export interface PartsOptions {
  readonly driver: MigrationDriver;
  readonly step: Step;
  /** Made anew for each part: what the ledger says is the time of the last one. */
  readonly context: () => StepContext;
  readonly onEvent: (event: MigrationEvent) => void;
  readonly signal: AbortSignal | undefined;
}

/** @throws {OperationError} CANCELLED after the part during which the signal was given. */
export function* applyParts(options: PartsOptions): Task<StepOutcome> {
  const { driver, step, context, onEvent, signal } = options;
  const meter = new ProgressMeter();
  let isTold = false;
  for (;;) {
    const result = yield* settle(driver.applyPart(step, context()));
    if (result.outcome === "applied" || result.outcome === "ledger-changed") return result;
    const { outcome, progress, pauseMs } = result;
    if (outcome === "unfinished") onEvent({ type: "progress", step, ...meter.measure(progress) });
    else if (!isTold) onEvent({ type: "waiting", step, holder: result.holder });
    isTold = outcome === "elsewhere";
    refuseInterrupted(signal, step, progress);
    yield* pause(pauseMs);
    refuseInterrupted(signal, step, progress);
  }
}
