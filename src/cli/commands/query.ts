import { type Command, GLOBAL_ARGS } from "../command.ts";
import { durationArg } from "../duration-flag.ts";
import { askGuest, type GuestResult } from "../guest-process.ts";
import { numberArg } from "../number-flag.ts";
import { databasePath } from "../paths.ts";

const DEFAULT_LIMIT = 1000;
const MAX_ANSWER_BYTES = 250_000_000;
const MAX_LIMIT = 10_000_000;
const DEFAULT_TIMEOUT_MS = 10_000;

export const query: Command = {
  meta: {
    name: "query",
    description:
      "Run one SELECT in a process of its own that cannot write; as a table, CSV or JSON",
  },
  args: {
    sql: { type: "positional", required: true, description: "one statement that reads" },
    limit: {
      type: "string",
      valueHint: "N",
      description: `at most so many rows (default: ${DEFAULT_LIMIT})`,
    },
    timeout: {
      type: "string",
      valueHint: "TIME",
      description: "how long it may take: 500ms, 30s, 5m (default: 10s)",
    },
    csv: { type: "boolean", description: "print the rows as CSV" },
    ...GLOBAL_ARGS,
  },
  examples: [
    ['usagedb query "SELECT * FROM v_daily"', "documented, stable views"],
    ['usagedb query "SELECT model, sum(total_tokens) FROM v_models GROUP BY 1" --csv', "as CSV"],
  ],
  run: async ({ args, env, output, interruptSignal }) => {
    const limit = numberArg(args, "limit", { from: 1, to: MAX_LIMIT }) ?? DEFAULT_LIMIT;
    const result = await askGuest(
      {
        path: databasePath(args["db"], env),
        sql: String(args["sql"]),
        maxRows: limit,
        maxBytes: MAX_ANSWER_BYTES,
      },
      {
        timeoutMs: durationArg(args, "timeout") ?? DEFAULT_TIMEOUT_MS,
        signal: interruptSignal(),
      },
    );
    if (result.isCut) output.note(`Only the first ${limit} rows; see --limit.`);
    output.json(result.rows.map((row) => objectOf(result, row)));
    if (output.isJson) return 0;
    if (args["csv"] === true) {
      const { renderCsv } = await import("../csv.ts");
      output.text(await renderCsv([result.columns, ...result.rows]));
      return 0;
    }
    const { renderTable } = await import("../table.ts");
    output.text(
      renderTable(
        result.columns.map((title, index) => ({
          title,
          align: isNumeric(result, index) ? ("right" as const) : ("left" as const),
        })),
        result.rows.map((row) => row.map((value) => (value === null ? "" : String(value)))),
      ),
    );
    return 0;
  },
};

/** Of two columns with one name, the later gets a number, so that none is lost. */
function objectOf(
  { columns }: GuestResult,
  row: GuestResult["rows"][number],
): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [index, name] of columns.entries()) {
    let key = name;
    for (let copy = 2; key in object; copy++) key = `${name}_${copy}`;
    object[key] = row[index];
  }
  return object;
}

function isNumeric({ rows }: GuestResult, index: number): boolean {
  return rows.length > 0 && rows.every((row) => typeof row[index] === "number");
}
