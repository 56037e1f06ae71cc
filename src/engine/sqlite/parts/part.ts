/** What the parts of rows and of statements have in common. */
import { MigrationError, OperationError } from "../../../errors.ts";
import type { Step } from "../../../migration/plan.ts";
import type { PartOutcome, StepContext } from "../../driver.ts";
import { type Progress, readProgress, writeProgress } from "../progress.ts";
import { isElsewhere, pidOf } from "./owner.ts";
import type { PartHost } from "./part-host.ts";

const ELSEWHERE_PAUSE_MS = 200;

/** Inside the lock: why this part is not to run now; null when it is. */
export function outcomeBefore(
  { owner, isLedgerAsExpected }: PartHost,
  step: Step,
  { context, progress }: { readonly context: StepContext; readonly progress: Progress | null },
): PartOutcome | null {
  if (!isLedgerAsExpected(context.expectedVersions)) return { outcome: "ledger-changed" };
  if (progress === null) return null;
  if (progress.version !== step.version) return { outcome: "ledger-changed" };
  if (!isElsewhere(progress, owner)) return null;
  const holder = { pid: pidOf(progress.owner), command: null, migrating: null };
  return { outcome: "elsewhere", progress, holder, pauseMs: ELSEWHERE_PAUSE_MS };
}

/** Inside the lock: writes the position behind a part. */
export function savePart(
  { connection, owner }: PartHost,
  { version, name, direction }: Step,
  known: Progress | null,
  part: Pick<
    Progress,
    | "unit"
    | "done"
    | "total"
    | "checksum"
    | "doneSql"
    | "statement"
    | "cursor"
    | "workMs"
    | "schemaHash"
    | "violations"
  >,
): PartOutcome {
  const now = Date.now();
  const progress: Progress = {
    ...part,
    version,
    name,
    direction,
    state: "running",
    error: null,
    startedAt: known?.startedAt ?? now,
    updatedAt: now,
    owner,
  };
  writeProgress(connection, progress);
  const { unit, done, total } = progress;
  return { outcome: "unfinished", progress: { unit, done, total }, pauseMs: 0 };
}

/** Remembers why a part failed; the part's own error matters more, so it never fails itself. */
export function recordFailure({ connection }: PartHost, step: Step, failure: unknown): void {
  if (!(failure instanceof MigrationError) || connection.inTransaction) return;
  try {
    connection.transaction(() => {
      const progress = readProgress(connection);
      if (progress === null || progress.version !== step.version) return;
      const statement = failure.details["statement"];
      writeProgress(connection, {
        ...progress,
        state: "failed",
        error: `${failure.code}: ${failure.message}`,
        statement: typeof statement === "string" ? statement : progress.statement,
        updatedAt: Date.now(),
      });
    }, "write the progress of a migration");
  } catch (error) {
    // Busy, full: the position itself is as it was.
    if (!(error instanceof OperationError)) throw error;
  }
}
