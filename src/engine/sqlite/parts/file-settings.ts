/** Settings of the file itself, which SQLite leaves as they are in silence when it cannot change them. */
import { MigrationError } from "../../../errors.ts";
import { pragmaOf } from "../../../migration/statement-rules.ts";
import type { Statement } from "../../../migration/sql-scanner.ts";
import type { Connection } from "../connection.ts";

/** Runs VACUUM or a pragma of the file, and looks whether a new journal mode is in force. */
export function runFilePragma(connection: Connection, statement: Statement): void {
  if (pragmaOf(statement) !== "journal_mode") {
    connection.runOnce(statement.text);
    return;
  }
  const observed = String(connection.readOnce(statement.text)[0]?.[0]);
  const wanted = valueOf(statement);
  if (observed === wanted) return;
  refuse(
    `the journal mode is ${observed}`,
    wanted,
    "Close what else has the database open, and run it again.",
  );
}

/** After a VACUUM: what was set before it must be in force now. */
export function verifyFile(connection: Connection, before: readonly Statement[]): void {
  const numberOf = (pragma: string): string =>
    String(connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0]);
  const pageSize = lastValue(before, "page_size");
  if (pageSize !== null && pageSize !== numberOf("page_size"))
    refuse(
      `the page size is ${numberOf("page_size")}`,
      pageSize,
      "Leave WAL mode before the VACUUM: `PRAGMA journal_mode = DELETE`.",
    );
  const vacuum = lastValue(before, "auto_vacuum");
  const wanted = vacuum === null ? null : (VACUUM_MODES[vacuum] ?? vacuum);
  if (wanted !== null && wanted !== numberOf("auto_vacuum"))
    refuse(`auto_vacuum is ${numberOf("auto_vacuum")}`, wanted, "Set it right before the VACUUM.");
}

const VACUUM_MODES: Readonly<Record<string, string>> = { none: "0", full: "1", incremental: "2" };

function lastValue(statements: readonly Statement[], pragma: string): string | null {
  const last = statements.findLast((statement) => pragmaOf(statement) === pragma);
  return last === undefined ? null : valueOf(last);
}

/** What a pragma is set to, in lower case and without quotes. */
function valueOf({ text }: Statement): string {
  const value = /[=(]([^)]*)/.exec(text)?.[1] ?? "";
  return value
    .trim()
    .replace(/^["'`[]|["'`\]]$/g, "")
    .toLowerCase();
}

function refuse(observed: string, expected: string, hint: string): never {
  throw new MigrationError(
    "MIGRATION_FAILED",
    `Cannot change the file: ${observed}, expected ${expected}`,
    { details: { reason: observed }, hint },
  );
}
