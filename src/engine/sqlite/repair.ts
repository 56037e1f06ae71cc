/** The few corrections of a ledger that a person may ask for by name; each is one transaction with its own history entry. */
import { MigrationError, OperationError } from "../../errors.ts";
import type { Migration } from "../../migration/migration.ts";
import { stepUp } from "../../migration/plan.ts";
import type { MigrationStanding } from "../../migration/standing.ts";
import { describeProgress, type UnfinishedMigration } from "../../migration/unfinished.ts";
import { formatVersion, NO_VERSION, type Version } from "../../migration/version.ts";
import { currentActor } from "../actor.ts";
import { TOOL_VERSION } from "../tool-version.ts";
import type { Connection } from "./connection.ts";
import { insertHistory, keepLedgerRow } from "./history.ts";
import {
  deleteLedgerRow,
  ensureLedger,
  forgetSchemaState,
  mirroredVersion,
  readAppliedVersions,
  rewriteLedgerRow,
} from "./ledger.ts";
import { isElsewhere, pidOf } from "./parts/owner.ts";
import { deleteProgress, readProgress } from "./progress.ts";

/**
 * accept: the file's text takes the place of the one that ran · forget: a version without a file leaves the ledger ·
 * clear: an unfinished version's progress goes. None runs a statement of a migration.
 */
export type RepairKind = "accept" | "forget" | "clear";

export interface Repair {
  readonly kind: RepairKind;
  readonly version: Version;
  readonly name: string;
  /** One clause: what will be written. */
  readonly writes: string;
}

/** The repairs that standings call for, ascending by version; that of an unfinished one comes first. */
export function repairsFor(
  standings: readonly MigrationStanding[],
  unfinished: UnfinishedMigration | null = null,
): Repair[] {
  const clear: Repair[] =
    unfinished === null
      ? []
      : [
          {
            kind: "clear",
            version: unfinished.version,
            name: unfinished.name,
            writes: `its progress (${describeProgress(unfinished)}) is forgotten; what it changed so far stays`,
          },
        ];
  return [
    ...clear,
    ...standings.flatMap(({ version, name, state, editedSections }): Repair[] => {
      if (state === "edited") {
        const sections = editedSections.join(" and ");
        const writes = `the ledger takes over the file's ${sections} section; nothing is run`;
        return [{ kind: "accept", version, name, writes }];
      }
      if (state !== "missing" && state !== "newer") return [];
      const writes = "its ledger entry goes, down section included; what it built stays";
      return [{ kind: "forget", version, name, writes }];
    }),
  ];
}

/**
 * Carries out one repair, after looking again inside the lock that it is still called for.
 * @throws {MigrationError} REPAIR_NEEDLESS when the version is not in the state that the repair is for.
 */
export function repairLedger(
  connection: Connection,
  repair: Pick<Repair, "kind" | "version">,
  {
    standings,
    now,
  }: { readonly standings: () => readonly MigrationStanding[]; readonly now: () => number },
): void {
  const title = `repair version ${formatVersion(repair.version)}`;
  connection.transaction(() => {
    if (repair.kind === "clear") {
      const { name } = clearProgress(connection, repair.version);
      remember(connection, repair, name, now());
      return;
    }
    const current = standings();
    const standing = current.find(({ version }) => version === repair.version);
    const isCalledFor = repairsFor(current).some(
      ({ kind, version }) => kind === repair.kind && version === repair.version,
    );
    if (standing === undefined || !isCalledFor) refuse(title, repair.kind, standing);
    ensureLedger(connection);
    if (repair.kind === "accept") accept(connection, standing.migration as Migration);
    else forget(connection, repair.version);
    remember(connection, repair, standing.name, now());
  }, title);
}

function remember(
  connection: Connection,
  { kind, version }: Pick<Repair, "kind" | "version">,
  name: string,
  at: number,
): void {
  ensureLedger(connection);
  insertHistory(connection, {
    at,
    version,
    name,
    action: `repair: ${kind}`,
    outcome: "done",
    execution_time_ms: 0,
    tool_version: TOOL_VERSION,
    actor: currentActor(),
    backup_path: null,
    detail: null,
  });
}

/**
 * Forgets where an unfinished version stands; what it changed so far stays. Inside the caller's transaction.
 * @throws {MigrationError} REPAIR_NEEDLESS when it is not unfinished.
 * @throws {OperationError} DATABASE_BUSY when another process is at work on it.
 */
export function clearProgress(connection: Connection, version: Version): UnfinishedMigration {
  const title = `repair version ${formatVersion(version)}`;
  const progress = readProgress(connection);
  if (progress === null || progress.version !== version) {
    throw new MigrationError(
      "REPAIR_NEEDLESS",
      `Cannot ${title}: it is not unfinished, expected one that is`,
      { details: { kind: "clear", state: null } },
    );
  }
  if (isElsewhere(progress, "")) {
    const pid = pidOf(progress.owner);
    throw new OperationError(
      "DATABASE_BUSY",
      `Cannot ${title}: process ${pid} is at work on it, expected nobody`,
      { details: { path: connection.path, pid } },
    );
  }
  deleteProgress(connection, version);
  // Statements may have changed it, and no version of the ledger is to blame.
  if (progress.unit === "statements") forgetSchemaState(connection);
  return progress;
}

function accept(connection: Connection, migration: Migration): void {
  rewriteLedgerRow(connection, stepUp(migration));
  forgetSchemaState(connection);
}

function forget(connection: Connection, version: Version): void {
  keepLedgerRow(connection, version);
  deleteLedgerRow(connection, version);
  forgetSchemaState(connection);
  const head = readAppliedVersions(connection).at(-1) ?? NO_VERSION;
  connection.runOnce(`PRAGMA user_version = ${mirroredVersion(head)}`);
}

function refuse(title: string, kind: RepairKind, standing: MigrationStanding | undefined): never {
  const observed = standing === undefined ? "neither applied nor a file" : standing.state;
  const expected = kind === "accept" ? "edited" : "applied without a file";
  throw new MigrationError(
    "REPAIR_NEEDLESS",
    `Cannot ${title}: it is ${observed}, expected one that is ${expected}`,
    { details: { kind, state: standing?.state ?? null } },
  );
}
