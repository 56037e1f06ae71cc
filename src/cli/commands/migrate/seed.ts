import type { Connection } from "../../../engine/sqlite/connection.ts";
import { type Seed, seedsFolder } from "../../../engine/seed-file.ts";
import type { SeedOptions, SeedReport } from "../../../engine/sqlite/seed.ts";
import { type ExitCode, InputError } from "../../../errors.ts";
import { isEnvironment } from "../../../migration/seed.ts";
import { type ArgValues, type Command, type CommandContext, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";

export const seed: Command = {
  meta: {
    name: "seed",
    description:
      "Fill a migrated database with the rows of an environment; a seed that was not changed does nothing",
  },
  args: {
    environment: {
      type: "positional",
      required: true,
      description: "development runs seeds/development.sql",
    },
    seeds: {
      type: "string",
      valueHint: "FOLDER",
      description: "the folder of seeds (default: seeds inside --dir, else beside it)",
    },
    "dry-run": { type: "boolean", description: "print the SQL instead of running it" },
    mark: {
      type: "boolean",
      description: "only say that the database belongs to the environment; run nothing",
    },
    "switch-from": {
      type: "string",
      valueHint: "ENVIRONMENT",
      description: "the environment that the database belonged to until now",
    },
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    [
      "usagedb migrate seed development --dir db/migrations --db dev.db",
      "runs db/seeds/development.sql",
    ],
    [
      "usagedb migrate seed production --mark --dir db/migrations --db app.db",
      "from now on refuse any other environment's seed",
    ],
    [
      "usagedb migrate seed staging --switch-from production --dir db/migrations --db copy.db",
      "for a copy that is to be something else",
    ],
    ["usagedb migrate seed development --seeds seeds --json", "environment, status, tables[], ..."],
  ],
  run: async (context) => {
    const { args, output, now } = context;
    const environment = String(args["environment"]);
    const switchFrom = args["switch-from"];
    const options = {
      now,
      ...(typeof switchFrom === "string" ? { switchFrom } : {}),
    };
    if (args["mark"] === true) return mark(context, environment, options);
    const { readSeed } = await import("../../../engine/seed-file.ts");
    const planned = readSeed(folderOf(args), environment);
    const isDryRun = args["dry-run"] === true;
    using database = await openTarget(context, isDryRun ? "read" : "existing");
    const migrator = await database.migrator();
    if (isDryRun)
      return await preview(context, database.connection, planned, { ...options, migrator });
    const { applySeed } = await import("../../../engine/sqlite/seed.ts");
    const report = applySeed(database.connection, planned, { ...options, migrator });
    output.outcome(
      report.status === "up-to-date"
        ? `Nothing to do: ${report.file} was applied at ${new Date(report.appliedAt).toISOString()}.`
        : `Seeded ${environment}: ${report.statementCount} statement(s) of ${report.file}${changesOf(report)}.`,
    );
    output.json(report);
    return 0;
  },
};

async function preview(
  { output }: CommandContext,
  connection: Connection,
  planned: Seed,
  options: SeedOptions,
): Promise<ExitCode> {
  const { upToDateEntry } = await import("../../../engine/sqlite/seed.ts");
  const { statementsOf } = await import("../../../migration/sql-body.ts");
  const entry = connection.reading(() => upToDateEntry(connection, planned, options));
  const { environment, checksum, body } = planned;
  output.json({
    environment,
    status: entry === null ? "pending" : "up-to-date",
    file: body.file,
    checksum,
    statementCount: statementsOf(body).length,
    sql: body.sql,
  });
  output.text(
    entry === null
      ? `-- seed ${environment} (${body.file})\n${body.sql.trim()}`
      : `-- nothing to do: ${body.file} was applied at ${new Date(entry.applied_at).toISOString()}`,
  );
  return 0;
}

async function mark(
  context: CommandContext,
  environment: string,
  options: Pick<SeedOptions, "now" | "switchFrom">,
): Promise<ExitCode> {
  if (!isEnvironment(environment)) {
    throw new InputError(
      "CLI_USAGE",
      `Cannot mark a database as ${JSON.stringify(environment)}: it is no environment's name, expected letters, digits, _ and -`,
      { details: { environment } },
    );
  }
  const { declareEnvironment } = await import("../../../engine/sqlite/seed-environment.ts");
  using database = await openTarget(context, "existing");
  declareEnvironment(database.connection, environment, options);
  context.output.outcome(`${database.connection.path} is a database of ${environment}.`);
  context.output.json({ environment, status: "marked" });
  return 0;
}

/** @throws {InputError} CLI_USAGE when neither option says where seeds are. */
function folderOf(args: ArgValues): string {
  const { seeds, dir } = args;
  if (typeof seeds === "string" && seeds !== "") return seeds;
  if (seeds === undefined && typeof dir === "string") return seedsFolder(dir);
  throw new InputError(
    "CLI_USAGE",
    `Cannot seed: ${seeds === undefined ? "neither --dir nor --seeds is given" : "--seeds is empty"}, expected a folder of seeds`,
    {
      details: { argument: "seeds" },
      hint: "Name the folder of seeds with --seeds, or the migrations that it belongs to with --dir.",
    },
  );
}

function changesOf({ tables }: SeedReport): string {
  const changes = tables.map(({ name, rowsBefore, rowsAfter }) =>
    rowsBefore === rowsAfter
      ? `${name} ${rowsAfter} row(s)`
      : `${name} ${rowsBefore} -> ${rowsAfter} row(s)`,
  );
  return changes.length === 0 ? "" : ` (${changes.join(", ")})`;
}
