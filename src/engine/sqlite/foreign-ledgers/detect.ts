/** Which tool's ledger a database has. */
import { OperationError } from "../../../errors.ts";
import type { MigrationSource } from "../../source.ts";
import type { Connection } from "../connection.ts";
import { earlierDatabaseHint } from "../earlier-database.ts";
import { FOREIGN_TOOLS, type ForeignLedger, type ForeignTool } from "./foreign-ledger.ts";
import { speaksOf } from "./match.ts";
import { columnsOf, LEDGER_READERS } from "./readers.ts";

/** The tools of which a ledger is there. One table of versions may be dbmate's or that of Rails: Rails has a second. */
export function findForeignTools(connection: Connection): ForeignTool[] {
  const isRails = columnsOf(connection, "ar_internal_metadata").length > 0;
  return FOREIGN_TOOLS.filter((tool) => hasLedgerOf(connection, tool)).filter(
    (tool) => tool !== (isRails ? "dbmate" : "rails"),
  );
}

/** Which ledger is meant, where more than one could be. */
export interface LedgerChoice {
  readonly from: ForeignTool | undefined;
  /** The table's name where the tool was told to use another than its own; of no use without `from`. */
  readonly table: string | undefined;
}

/**
 * Reads the ledger of the one tool that has one, or the one that was chosen.
 * @throws {OperationError} ADOPT_LEDGER_UNKNOWN when there is none, several, or none of that tool;
 *   ADOPT_LEDGER_DIRTY or ADOPT_LEDGER_DIFFERS as the readers do.
 */
export function readForeignLedger(connection: Connection, choice: LedgerChoice): ForeignLedger {
  const found = findForeignTools(connection);
  const tool = choice.from ?? found[0];
  if (tool === undefined || !hasLedgerOf(connection, tool, choice.table))
    refuseUnknown(connection, choice);
  if (choice.from === undefined && found.length > 1) refuseAmbiguous(connection, found);
  const { table: usual, matching, hashAlgorithm = null, read } = LEDGER_READERS[tool];
  const table = choice.table ?? usual;
  return { tool, table, matching, hashAlgorithm, entries: read(connection, table) };
}

/**
 * Refuses a database to which another tool applied some of these migrations, and nobody took over: they would run
 * again. A ledger that is about others is none of our business.
 * @throws {OperationError} LEDGER_FOREIGN.
 */
export function refuseForeignLedger(
  connection: Connection,
  source: Pick<MigrationSource, "load">,
): void {
  if (columnsOf(connection, "schema_migrations").length > 0) return;
  for (const tool of findForeignTools(connection)) {
    if (!isAbout(connection, tool, source)) continue;
    const { table } = LEDGER_READERS[tool];
    throw new OperationError(
      "LEDGER_FOREIGN",
      `Cannot use ${connection.path}: ${table} says what ${tool} applied to it, expected a ledger written by usagedb`,
      {
        details: { path: connection.path, tool, table },
        hint: adoptHint(connection, tool),
      },
    );
  }
}

function isAbout(
  connection: Connection,
  from: ForeignTool,
  source: Pick<MigrationSource, "load">,
): boolean {
  let ledger: ForeignLedger;
  try {
    ledger = readForeignLedger(connection, { from, table: undefined });
  } catch (error) {
    // Half done, or nonsense: adopting has the words for it.
    if (error instanceof OperationError) return true;
    throw error;
  }
  return ledger.entries.length > 0 && speaksOf(ledger, source.load());
}

/** What to do about `schema_migrations` when it is another tool's; undefined when it is none that is known. */
export function foreignLedgerHint(connection: Connection): string | undefined {
  const tool = findForeignTools(connection).find(
    (candidate) => LEDGER_READERS[candidate].table === "schema_migrations",
  );
  return tool === undefined ? undefined : adoptHint(connection, tool);
}

function adoptHint({ path }: Connection, tool: ForeignTool): string {
  return `Run \`usagedb migrate adopt --dir MIGRATIONS --db ${path}\` to take over the ledger of ${tool}.`;
}

function hasLedgerOf(connection: Connection, tool: ForeignTool, table?: string): boolean {
  const { table: usual, columns, isExact } = LEDGER_READERS[tool];
  const there = columnsOf(connection, table ?? usual);
  return (
    columns.every((column) => there.includes(column)) &&
    (isExact !== true || there.length === columns.length)
  );
}

function refuseUnknown(connection: Connection, { from, table }: LedgerChoice): never {
  const tables = FOREIGN_TOOLS.map((tool) => LEDGER_READERS[tool].table);
  const observed =
    from === undefined
      ? "none of a tool known here"
      : `no ${table ?? LEDGER_READERS[from].table} of ${from}`;
  const hint = earlierDatabaseHint(connection);
  throw new OperationError(
    "ADOPT_LEDGER_UNKNOWN",
    `Cannot find a ledger in ${connection.path}: it has ${observed}, expected ${[...new Set(tables)].join(", ")}`,
    {
      details: { path: connection.path, found: [] },
      ...(hint === undefined ? {} : { hint }),
    },
  );
}

function refuseAmbiguous({ path }: Connection, found: readonly ForeignTool[]): never {
  throw new OperationError(
    "ADOPT_LEDGER_UNKNOWN",
    `Cannot tell which ledger of ${path} to take over: it has those of ${found.join(" and ")}, expected one`,
    {
      details: { path, found },
      hint: `Name the one that counts with --from, for instance --from ${found[0]}.`,
    },
  );
}
