/** What a step leaves behind besides its own work: the ledger row, the history, the head. */
import type { MigrationError } from "../../errors.ts";
import type { Step } from "../../migration/plan.ts";
import { headOf } from "../../migration/standing.ts";
import { NO_VERSION, type Version } from "../../migration/version.ts";
import type { StepContext } from "../driver.ts";
import type { Connection } from "./connection.ts";
import { type HistoryEntry, insertHistory, keepLedgerRow } from "./history.ts";
import {
  deleteLedgerRow,
  insertLedgerRow,
  mirroredVersion,
  schemaCookie,
  writeSchemaState,
} from "./ledger.ts";
import type { SchemaFingerprint } from "./schema-fingerprint.ts";

export interface StepWork {
  readonly context: StepContext;
  readonly executionTimeMs: number;
  /** Of the schema as the step leaves it. */
  readonly fingerprint: SchemaFingerprint;
}

/** Enters a step that is done; inside its transaction, in a ledger that has every column. */
export function recordStep(connection: Connection, step: Step, work: StepWork): void {
  const { context, executionTimeMs, fingerprint } = work;
  const head = headAfter(step, context.expectedVersions);
  // Read late, as the history's table may be new. Null when the schema had drifted: the next opening compares it anew.
  const cookie = (): number | null => (fingerprint.hasDrift ? null : schemaCookie(connection));
  if (step.direction === "up") {
    insertLedgerRow(connection, {
      step,
      appliedAt: context.appliedAt,
      executionTimeMs,
      schemaHash: fingerprint.expectedHash,
      toolVersion: context.toolVersion,
      appliedBy: context.actor,
      schemaCookie: cookie(),
    });
  } else {
    keepLedgerRow(connection, step.version);
    deleteLedgerRow(connection, step.version);
    insertHistory(connection, entryOf(step, context, { outcome: "done", executionTimeMs }));
  }
  // The head speaks of the schema: after a down, and after a version that was merged late, it is an older row.
  if (head !== step.version || step.direction === "down") {
    const hash = fingerprint.expectedHash;
    writeSchemaState(connection, head, { hash, cookie: cookie(), drift: null });
  }
  connection.runOnce(`PRAGMA user_version = ${mirroredVersion(head)}`);
}

/** Enters a step that failed into the history; inside a transaction of its own. */
export function recordFailedStep(
  connection: Connection,
  step: Step,
  { failure, context }: { readonly failure: MigrationError; readonly context: StepContext },
): void {
  const detail = `${failure.code}: ${failure.message}`;
  insertHistory(connection, entryOf(step, context, { outcome: "failed", detail }));
}

function headAfter({ direction, version }: Step, before: readonly Version[]): Version {
  if (direction === "up") return Math.max(version, before.at(-1) ?? NO_VERSION);
  return headOf(before.filter((other) => other !== version).map((other) => ({ version: other })));
}

function entryOf(
  step: Step,
  { appliedAt, toolVersion, actor }: StepContext,
  end: {
    readonly outcome: HistoryEntry["outcome"];
    readonly executionTimeMs?: number;
    readonly detail?: string;
  },
): HistoryEntry {
  return {
    at: appliedAt,
    version: step.version,
    name: step.name,
    action: step.direction,
    outcome: end.outcome,
    execution_time_ms: end.executionTimeMs ?? 0,
    tool_version: toolVersion,
    actor,
    backup_path: step.backupPath ?? null,
    detail: end.detail ?? null,
  };
}
