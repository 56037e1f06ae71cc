/** How fast a step in parts gets on. */
import { OperationError } from "../errors.ts";
import type { Step } from "../migration/plan.ts";
import { describeProgress } from "../migration/unfinished.ts";
import { formatVersion } from "../migration/version.ts";
import type { StepProgress } from "./driver.ts";

export interface StepRate extends StepProgress {
  readonly rowsPerSecond: number | null;
  /** Milliseconds until it is done, at the pace of this run. */
  readonly etaMs: number | null;
}

/** Less than this says nothing about the pace. */
const MIN_ELAPSED_MS = 50;

/** Measures one run; what earlier runs did counts as done, not as fast. */
export class ProgressMeter {
  readonly #startedAt = performance.now();
  #doneBefore: number | null = null;

  measure(progress: StepProgress): StepRate {
    // The first part's own rows are not known apart from those of earlier runs.
    this.#doneBefore ??= progress.done;
    const elapsedMs = performance.now() - this.#startedAt;
    const doneNow = progress.done - this.#doneBefore;
    const isKnown = progress.unit === "rows" && elapsedMs >= MIN_ELAPSED_MS && doneNow > 0;
    const rowsPerSecond = isKnown ? (doneNow / elapsedMs) * 1000 : null;
    const etaMs =
      rowsPerSecond === null ? null : ((progress.total - progress.done) / rowsPerSecond) * 1000;
    return { ...progress, rowsPerSecond, etaMs };
  }
}

/** @throws {OperationError} CANCELLED when the signal was given. */
export function refuseInterrupted(
  signal: AbortSignal | undefined,
  { direction, version, name }: Step,
  progress: StepProgress,
): void {
  if (signal?.aborted !== true) return;
  throw new OperationError(
    "CANCELLED",
    `Cannot go on with ${formatVersion(version)}_${name}: it was interrupted at ${describeProgress(progress)}, expected it to be finished`,
    {
      details: { version, direction, ...progress },
      hint:
        direction === "up"
          ? "Run `migrate up` to go on from there, or `migrate rollback` to undo it."
          : "Run `migrate rollback` to go on from there.",
    },
  );
}
