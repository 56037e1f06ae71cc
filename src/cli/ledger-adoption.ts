/** `migrate adopt --dir`: the ledger of another tool, taken over. */
import {
  FOREIGN_TOOLS,
  type ForeignTool,
} from "../engine/sqlite/foreign-ledgers/foreign-ledger.ts";
import { adoptLedger, type LedgerAdoption } from "../engine/sqlite/foreign-ledgers/adopt.ts";
import { FORMER_LEDGER_TABLE } from "../engine/sqlite/ledger-tables.ts";
import { type ExitCode, InputError } from "../errors.ts";
import { formatVersion } from "../migration/version.ts";
import type { ArgValues, CommandContext } from "./command.ts";
import { openTarget } from "./migration-target.ts";
import { megabytes } from "./progress.ts";
import { renderTable } from "./table.ts";

export async function adoptForeignLedger(context: CommandContext): Promise<ExitCode> {
  const { args, output, now } = context;
  checkArgs(args);
  const from = toolArg(args);
  const dryRun = args["dry-run"] === true;
  using database = await openTarget(context, dryRun ? "read" : "existing");
  const report = adoptLedger(database.connection, {
    source: database.source,
    ...(from === undefined ? {} : { from }),
    ...(typeof args["table"] === "string" ? { table: args["table"] } : {}),
    now,
    withBackup: args["no-backup"] !== true,
    dryRun,
    onBackup: ({ path, sizeBytes }) =>
      output.note(`  backed up to ${path} (${megabytes(sizeBytes)})`),
  });
  if (!output.isQuiet && report.entered.length > 0) output.text(renderEntered(report));
  output.outcome(renderOutcome(report));
  output.json(report);
  return 0;
}

function renderEntered({ entered }: LedgerAdoption): string {
  return renderTable(
    [{ title: "version" }, { title: "name" }, { title: "applied at" }],
    entered.map(({ version, name, applied_at, isTimeKnown }) => [
      formatVersion(version),
      name,
      isTimeKnown ? new Date(applied_at).toISOString() : "not known",
    ]),
  );
}

function renderOutcome({
  isDryRun,
  isNew,
  tool,
  version,
  entered,
  keptTable,
}: LedgerAdoption): string {
  if (!isNew)
    return `Nothing to do: the ledger was taken over before; version ${version} is the newest.`;
  const isRenamed = keptTable === FORMER_LEDGER_TABLE;
  const rows = isRenamed
    ? `its table is kept as ${keptTable}`
    : `its table ${keptTable} is left as it is, and ignored from now on`;
  return isDryRun
    ? `Would enter ${entered.length} migration(s) of ${tool} as applied: version ${version}.`
    : `Entered ${entered.length} migration(s) of ${tool} as applied: the database is at version ${version}; ${rows}.`;
}

function wrongWith({ dir, file, from, table }: ArgValues): string | null {
  if (table !== undefined && from === undefined) return "--table is of use only with --from";
  if (from !== undefined && dir === undefined) return "--from is of use only with --dir";
  if (dir !== undefined) return file === undefined ? null : "there is a file and --dir";
  return "neither a file nor --dir is named";
}

/** @throws {InputError} CLI_USAGE for a combination that means nothing. */
function checkArgs(args: ArgValues): void {
  const observed = wrongWith(args);
  if (observed === null) return;
  throw new InputError(
    "CLI_USAGE",
    `Cannot adopt: ${observed}, expected an earlier usage database, or --dir for the migrations of another tool`,
    {
      details: { observed },
      hint: "Name events.db, or pass --dir MIGRATIONS and --db FILE.",
    },
  );
}

function toolArg(args: ArgValues): ForeignTool | undefined {
  const text = args["from"];
  if (text === undefined) return undefined;
  const tool = FOREIGN_TOOLS.find((known) => known === text);
  if (tool !== undefined) return tool;
  throw new InputError(
    "CLI_USAGE",
    `Cannot use --from: ${JSON.stringify(text)} is not a tool known here, expected one of ${FOREIGN_TOOLS.join(", ")}`,
    { details: { argument: "from" } },
  );
}
