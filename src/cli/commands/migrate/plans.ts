import { renameSync, writeFileSync } from "node:fs";
import { type Connection } from "../../../engine/sqlite/connection.ts";
import { checkPlans, type ExplainedQuery, type PlanReport } from "../../../engine/sqlite/plans.ts";
import { InputError, OperationError } from "../../../errors.ts";
import { parseQueries, withExpectedPlans } from "../../../migration/queries.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../../command.ts";
import { queryText, type QueryText } from "../../hot-queries.ts";
import { DIR_ARG, migrationSource } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";
import { renderPlanFindings, renderQueries } from "../../render-plans.ts";

export const plans: Command = {
  meta: {
    name: "plans",
    description: "Show how SQLite would run the hot queries in queries.sql, and what changed",
  },
  args: {
    write: {
      type: "boolean",
      description: "make these the plans that queries.sql expects, and show the difference",
    },
    check: {
      type: "boolean",
      description: "exit 3 when a query does not compile, or scans or sorts where it did not",
    },
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    [
      "usagedb migrate plans --dir db/migrations",
      "on the schema that the migrations build, without a database",
    ],
    [
      "usagedb migrate plans --dir db/migrations --write",
      "after a query or an index was changed on purpose",
    ],
    ["usagedb migrate plans --dir db/migrations --check", "for CI"],
    [
      "usagedb migrate plans --db app.db --dir db/migrations",
      "on a database, with its own statistics",
    ],
  ],
  run: async (context) => {
    const { args, output } = context;
    if (args["write"] === true) refuseUnwritable(context);
    const source = await queryText(args);
    using target = await openSchema(context);
    const report = checkPlans(target.connection, parseQueries(source.file, source.text));
    if (args["write"] === true) {
      await write(context, source, report);
      return 0;
    }
    output.json({ file: source.file, ...planData(report) });
    output.text(renderQueries(report));
    for (const line of renderPlanFindings(report.findings)) output.text(line);
    const isBad = report.findings.some(({ degree }) => degree === "regression");
    return args["check"] === true && isBad ? 3 : 0;
  },
};

interface OpenSchema extends Disposable {
  readonly connection: Connection;
}

/** The database that was named, else an empty one that the migrations build in memory. */
async function openSchema(context: CommandContext): Promise<OpenSchema> {
  if (context.args["db"] !== undefined) return openTarget(context, "read");
  const { createMigrator } = await import("../../../engine/migrator.ts");
  const { createSqliteDriver } = await import("../../../engine/sqlite/driver.ts");
  const { IN_MEMORY, openConnection } = await import("../../../engine/sqlite/open.ts");
  const connection = openConnection(IN_MEMORY);
  try {
    const driver = createSqliteDriver(connection);
    createMigrator({ driver, source: migrationSource(context.args), now: context.now }).up();
    return { connection, [Symbol.dispose]: () => connection.close() };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** What is expected must not depend on whose database was at hand. */
function refuseUnwritable({ args }: CommandContext): void {
  const observed =
    args["dir"] === undefined
      ? "--dir is missing, expected the directory with queries.sql"
      : args["db"] !== undefined
        ? "--db is given, expected the plans of the schema that the migrations build"
        : null;
  if (observed === null) return;
  throw new InputError("CLI_USAGE", `Cannot use --write: ${observed}`, {
    details: { argument: "write" },
  });
}

async function write(
  { output }: CommandContext,
  { file, text }: QueryText,
  report: PlanReport,
): Promise<void> {
  const changed = report.queries.filter(isChanged);
  const byName = new Map(changed.map(({ name, plan }) => [name, plan ?? []]));
  if (byName.size > 0) replaceFile(file, withExpectedPlans(text, byName));
  output.json({ file, changed: changed.map(queryData), ...planData(report) });
  for (const { name, line, expected, plan } of changed) {
    output.text(`${file}:${line} ${name}`);
    for (const old of expected ?? []) output.text(`- ${old}`);
    for (const now of plan ?? []) output.text(`+ ${now}`);
  }
  for (const { name, failure } of report.queries)
    if (failure !== null)
      await output.warn(`${name} does not compile, and keeps its plan: ${failure}`);
  output.outcome(
    changed.length === 0
      ? `Nothing to do: every plan in ${file} is as expected.`
      : `Wrote ${changed.length} plan(s) to ${file}.`,
  );
}

function isChanged({ expected, plan }: ExplainedQuery): boolean {
  return plan !== null && expected?.join("\n") !== plan.join("\n");
}

/** A kill leaves the old text or the new one. */
function replaceFile(file: string, text: string): void {
  const draft = `${file}.draft~`;
  try {
    writeFileSync(draft, text);
    renameSync(draft, file);
  } catch (cause) {
    const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
    throw new OperationError(
      "MIGRATIONS_NOT_FOUND",
      `Cannot write ${file}: ${observed}, expected a file in a folder that may be written`,
      { details: { file }, cause },
    );
  }
}

function planData({ queries, findings }: PlanReport): object {
  return { queries: queries.map(queryData), findings };
}

function queryData({ name, line, sql, expected, plan, failure }: ExplainedQuery): object {
  return { name, line, sql, expected, plan, failure };
}
