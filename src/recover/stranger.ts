/** Whether a damaged file was a usage database at all. */
import type { DamagedFile } from "../engine/sqlite/recover/damaged-file.ts";
import { OperationError } from "../errors.ts";
import { APPLICATION_ID } from "../store/schema.ts";

/** Where a database says whose it is. */
const APPLICATION_ID_OFFSET = 68;

/**
 * Refuses what was never ours. A file without its first page is judged by the pages that are left.
 * @throws {OperationError} DATABASE_NOT_SQLITE or DATABASE_FOREIGN.
 */
export function refuseStranger({ pages, schema, orphans }: DamagedFile, path: string): void {
  const tables = schema.entries.filter(({ type }) => type === "table").map(({ name }) => name);
  const hasPages = tables.length > 0 || orphans.size > 0;
  if (!pages.hasHeader && !hasPages) {
    throw new OperationError(
      "DATABASE_NOT_SQLITE",
      `Cannot recover ${path}: it has neither the header nor a page of an SQLite database, expected a damaged one`,
      { details: { path } },
    );
  }
  const applicationId = pages.field(APPLICATION_ID_OFFSET);
  if (applicationId === APPLICATION_ID) return;
  const isOurs = tables.length === 0 ? !pages.hasHeader : tables.includes("schema_migrations");
  // A flipped bit in the mark does not make a file somebody else's whose tables are ours.
  if (isOurs && (applicationId === 0 || tables.includes("usage_config"))) return;
  const observed =
    applicationId === 0
      ? `it holds ${tables.length} table(s) and no ledger`
      : `its application_id is 0x${applicationId.toString(16)}`;
  throw new OperationError(
    "DATABASE_FOREIGN",
    `Cannot recover ${path}: ${observed}, expected a database of usagedb`,
    { details: { path, applicationId }, hint: "Use `.recover` of SQLite's own command line." },
  );
}
