/** The version that a damaged database was at, and what its ledger still says. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { LEDGER_TABLE } from "../engine/sqlite/ledger-tables.ts";
import type { DamagedFile } from "../engine/sqlite/recover/damaged-file.ts";
import type { RecordValue } from "../engine/sqlite/recover/record.ts";
import { OperationError } from "../errors.ts";
import type { Version } from "../migration/version.ts";
import { ownMigrations } from "../store/schema.ts";

export interface FoundVersion {
  readonly version: Version;
  /** Where it was read; assumed to be the newest when both are gone. */
  readonly versionFrom: "ledger" | "header" | "assumed";
}

/** `PRAGMA user_version`, which mirrors the ledger's head. */
const USER_VERSION_OFFSET = 60;

/** @throws {OperationError} DATABASE_NEWER. */
export function foundVersion(file: DamagedFile, path: string): FoundVersion {
  const latest = ownMigrations().versions().at(-1) ?? 0;
  const inLedger = Math.max(0, ...ledgerRows(file).keys());
  const inHeader = file.pages.field(USER_VERSION_OFFSET);
  // Newest rows may be the lost ones, so the header has a say as long as it can be right.
  const version = Math.max(inLedger, inHeader <= latest ? inHeader : 0);
  if (inLedger > latest || (inLedger === 0 && inHeader > latest && inHeader < latest + 1000)) {
    throw new OperationError(
      "DATABASE_NEWER",
      `Cannot recover ${path}: it is at version ${Math.max(inLedger, inHeader)}, expected at most ${latest}`,
      { details: { path, currentVersion: Math.max(inLedger, inHeader), latestVersion: latest } },
    );
  }
  if (version === 0) return { version: latest, versionFrom: "assumed" };
  return { version, versionFrom: version === inLedger ? "ledger" : "header" };
}

/** Puts when and by whom each version was applied into the new ledger, as far as the old one says. */
export function carryLedger(connection: Connection, file: DamagedFile): void {
  const update = connection.prepare(
    `UPDATE schema_migrations
     SET applied_at = ?2, execution_time_ms = ?3, applied_by = coalesce(?4, applied_by)
     WHERE version = ?1 AND name = ?5 AND typeof(?2) = 'integer' AND ?2 BETWEEN 100000000000 AND 253402300799999
       AND typeof(?3) IN ('real', 'integer')`,
    "write the ledger",
  );
  connection.transaction(() => {
    for (const [version, row] of ledgerRows(file)) {
      const [, name, appliedAt, , executionTime] = row;
      const appliedBy = typeof row[10] === "string" ? row[10] : null;
      update.run(version, appliedAt ?? null, executionTime ?? null, appliedBy, name ?? null);
    }
  }, "write the ledger");
}

/** Entries of the old ledger by version; columns as `LEDGER_SQL` has them. */
function ledgerRows(file: DamagedFile): Map<Version, readonly RecordValue[]> {
  const rows = new Map<Version, readonly RecordValue[]>();
  const isNamed = file.tableOf(LEDGER_TABLE) !== undefined;
  for (const { rowid, values } of isNamed ? file.recordsOf(LEDGER_TABLE) : file.orphanRecords()) {
    if (typeof rowid === "number" && values !== null && isEntry(values)) rows.set(rowid, values);
  }
  return rows;
}

/** By which a row of the ledger is told from all others when no schema says where the ledger is. */
function isEntry([
  version,
  name,
  appliedAt,
  checksum,
  ,
  up,
  ,
  hash,
]: readonly RecordValue[]): boolean {
  return (
    version === null &&
    typeof name === "string" &&
    typeof appliedAt === "number" &&
    typeof checksum === "string" &&
    typeof up === "string" &&
    typeof hash === "string"
  );
}
