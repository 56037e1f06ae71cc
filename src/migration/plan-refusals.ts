/** What the planner refuses, and in which words. */
import { InputError, MigrationError, OperationError } from "../errors.ts";
import { placeOf } from "./dependencies.ts";
import { editsOf } from "./edits.ts";
import type { AppliedMigration, Migration, MigrationDependency } from "./migration.ts";
import { headOf, type MigrationStanding } from "./standing.ts";
import { formatVersion, NO_VERSION, type Version } from "./version.ts";

/** @throws {OperationError} DATABASE_NEWER when the ledger is ahead of every migration. */
export function refuseNewer(
  standings: readonly MigrationStanding[],
  ledger: readonly AppliedMigration[],
): void {
  const newer = standings.filter((standing) => standing.state === "newer");
  if (newer.length === 0) return;
  const known = standings.reduce(
    (max, { migration }) => Math.max(max, migration?.version ?? NO_VERSION),
    NO_VERSION,
  );
  throw new OperationError(
    "DATABASE_NEWER",
    `Cannot migrate: the database is at version ${headOf(ledger)} (${labels(newer)} applied), expected at most ${known}, the newest migration known here`,
    {
      details: {
        currentVersion: headOf(ledger),
        latestVersion: known,
        versions: newer.map(({ version }) => version),
      },
    },
  );
}

/** @throws {MigrationError} MIGRATION_MISSING when the file of an applied version is gone. */
export function refuseMissing(standings: readonly MigrationStanding[]): void {
  const missing = standings.filter((standing) => standing.state === "missing");
  if (missing.length === 0) return;
  throw new MigrationError(
    "MIGRATION_MISSING",
    `Cannot migrate: ${labels(missing)} is applied but its file is gone, expected a file for every applied version`,
    { details: { versions: missing.map(({ version }) => version) } },
  );
}

/** @throws {MigrationError} MIGRATION_EDITED when the up of an applied version is another text than ran. */
export function refuseEdited(standings: readonly MigrationStanding[]): void {
  const edited = standings.filter(({ editedSections }) => editedSections.includes("up"));
  if (edited.length === 0) return;
  throw new MigrationError(
    "MIGRATION_EDITED",
    `Cannot migrate: ${labels(edited)} was edited after it was applied, expected the text that ran`,
    {
      details: {
        versions: edited.map(({ version }) => version),
        files: edited.map(({ migration }) => migration?.file ?? null),
        edits: edited.flatMap(editsOf),
      },
    },
  );
}

/** @throws {MigrationError} MIGRATION_OUT_OF_ORDER, for pending versions below the head. */
export function refuseLate(late: readonly MigrationStanding[], head: Version): never {
  throw new MigrationError(
    "MIGRATION_OUT_OF_ORDER",
    `Cannot migrate: ${labels(late)} is pending but older than the newest applied version, expected only versions above ${formatVersion(head)}`,
    {
      details: {
        versions: late.map(({ version }) => version),
        files: late.map(({ migration }) => migration?.file ?? null),
        currentVersion: head,
      },
    },
  );
}

/** @throws {InputError} MIGRATION_TARGET_UNKNOWN when `target` names no migration or lies below the head. */
export function refuseUnknownTarget(
  target: Version,
  standings: readonly MigrationStanding[],
  head: Version,
): void {
  if (target < head) {
    throw new InputError(
      "MIGRATION_TARGET_UNKNOWN",
      `Cannot migrate up to version ${formatVersion(target)}: the database is at ${formatVersion(head)}, expected a version at or above it`,
      {
        details: { target, currentVersion: head },
        hint: `Run \`migrate rollback ${target}\` to go back.`,
      },
    );
  }
  if (standings.some(({ version, migration }) => version === target && migration !== null)) return;
  throw new InputError(
    "MIGRATION_TARGET_UNKNOWN",
    `Cannot migrate up to version ${formatVersion(target)}: no migration has it, expected one of the migrations`,
    { details: { target, versions: standings.map(({ version }) => version) } },
  );
}

/** Ascending steps meet every dependency on an earlier version; this holds whoever made the list. */
export function refuseUnmet(
  pending: readonly Migration[],
  ledger: readonly AppliedMigration[],
): void {
  const there = new Set(ledger.map(({ version }) => version));
  for (const migration of pending) {
    const unmet = (migration.dependsOn ?? []).find(({ version }) => !there.has(version));
    if (unmet !== undefined) {
      refuseDependency(
        unmet,
        `Cannot apply ${label(migration)}: ${placeOf(unmet)} says that it depends on ${formatVersion(unmet.version)}, which is neither applied nor planned before it, expected that version first`,
      );
    }
    there.add(migration.version);
  }
}

/** A rollback takes away every version above its target, and with them whatever depends on one of them. */
export function refuseAbandoned(
  doomed: readonly AppliedMigration[],
  migrations: readonly Migration[],
  target: Version,
): void {
  const going = new Set(doomed.map(({ version }) => version));
  for (const migration of migrations) {
    if (migration.version > target) continue;
    const lost = (migration.dependsOn ?? []).find(({ version }) => going.has(version));
    if (lost === undefined) continue;
    refuseDependency(
      lost,
      `Cannot roll back to version ${formatVersion(target)}: ${label(migration)} would stay, and ${placeOf(lost)} says that it depends on ${formatVersion(lost.version)}, expected both to go or both to stay`,
    );
  }
}

function refuseDependency({ version, file, line }: MigrationDependency, message: string): never {
  throw new MigrationError("MIGRATION_DEPENDENCY_UNMET", message, {
    details: { dependsOn: version, file, line },
  });
}

/** @throws {MigrationError} MIGRATION_IRREVERSIBLE, for versions without a down. */
export function refuseIrreversible(stuck: readonly AppliedMigration[], target: Version): never {
  throw new MigrationError(
    "MIGRATION_IRREVERSIBLE",
    `Cannot roll back to version ${formatVersion(target)}: ${labels(stuck)} has no down, expected one for every version on the way`,
    { details: { target, versions: stuck.map(({ version }) => version) } },
  );
}

const label = (entry: { readonly version: Version; readonly name: string }): string =>
  `${formatVersion(entry.version)}_${entry.name}`;

const labels = (entries: readonly { readonly version: Version; readonly name: string }[]): string =>
  entries.map(label).join(", ");
