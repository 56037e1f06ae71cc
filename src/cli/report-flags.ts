/** What every report takes, and how flags, settings and the machine together choose zone and day border. */
import { InputError } from "../errors.ts";
import { dayOf, type DayRule } from "../report/local-days.ts";
import { type RangeOptions, rangeOf, sinceDaysAgo } from "../report/range.ts";
import type { UsageDb } from "../usage-db.ts";
import { FILTER_OPTIONS, filterOf, type UsageFilter } from "../report/usage-filter.ts";
import type { ArgValues, CommandContext } from "./command.ts";
import { machineZone } from "./machine-zone.ts";
import { numberArg } from "./number-flag.ts";
import type { Output } from "./output.ts";

export const TIMEZONE_ARG = {
  timezone: {
    type: "string",
    valueHint: "ZONE",
    description: "IANA zone of the days (default: the setting, else the machine's)",
  },
} as const;

export const REPORT_ARGS = {
  since: { type: "string", valueHint: "DATE", description: "first day, YYYY-MM-DD" },
  until: { type: "string", valueHint: "DATE", description: "last day, YYYY-MM-DD" },
  last: {
    type: "string",
    valueHint: "SPAN",
    description: "the last days, weeks or months: 7d, 4w, 3m; today included",
  },
  ...TIMEZONE_ARG,
  "reset-hour": {
    type: "string",
    valueHint: "HOUR",
    description: "local hour at which a day begins, 0 to 23 (default: the setting, else 0)",
  },
  order: {
    type: "string",
    valueHint: "asc|desc",
    description: "oldest or newest first (default: asc)",
  },
  limit: { type: "string", valueHint: "N", description: "only the newest N rows" },
  csv: { type: "boolean", description: "print the rows as CSV" },
} as const;

export const AGENT_ARG = {
  agent: {
    type: "string",
    valueHint: "NAMES",
    description: "only these agents, separated by commas: claude, codex, ...",
  },
} as const;

export const FILTER_ARGS = {
  ...AGENT_ARG,
  project: {
    type: "string",
    valueHint: "PATH",
    description: "only this project: its path, or how the path ends",
  },
  model: {
    type: "string",
    valueHint: "NAMES",
    description: "only these models, separated by commas, as tables or JSON name them",
  },
} as const;

const MAX_LIMIT = 100_000;

/** The flag, else the setting, else the machine's zone. */
export function dayRule(db: UsageDb, { args, env }: Pick<CommandContext, "args" | "env">): DayRule {
  const config = db.config.get();
  const flag = args["timezone"];
  const zone = typeof flag === "string" ? flag : (config?.timezone ?? "auto");
  return {
    timeZone: zone === "auto" ? machineZone(env) : zone,
    resetHour: numberArg(args, "reset-hour", { from: 0, to: 23 }) ?? config?.reset_hour ?? 0,
  };
}

export interface ReportFlags extends RangeOptions {
  readonly last?: number;
  readonly order?: "asc" | "desc";
}

/**
 * Reads what every report takes; `last` is the number of rows.
 * @throws {InputError} CLI_USAGE for a span that is none, or beside --since.
 */
export function reportFlags(
  db: UsageDb,
  { args, env, now }: Pick<CommandContext, "args" | "env" | "now">,
): ReportFlags {
  const rule = dayRule(db, { args, env });
  const { until, order } = args;
  const since = sinceOf(args, now(), rule);
  const last = numberArg(args, "limit", { from: 1, to: MAX_LIMIT });
  return {
    ...rule,
    ...(since === undefined ? {} : { since }),
    ...(typeof until === "string" ? { until } : {}),
    ...(typeof order === "string" ? { order: order as "asc" | "desc" } : {}),
    ...(last === undefined ? {} : { last }),
  };
}

/** Reads `--agent`, `--project` and `--model`. */
export function filterFlags(args: ArgValues): UsageFilter {
  const names = (flag: string): readonly string[] | undefined => {
    const text = args[flag];
    return typeof text === "string" ? text.split(",").map((name) => name.trim()) : undefined;
  };
  const [agent, model, project] = [names("agent"), names("model"), args["project"]];
  return {
    ...(agent === undefined ? {} : { agent }),
    ...(model === undefined ? {} : { model }),
    // A path may have commas of its own.
    ...(typeof project === "string" ? { project } : {}),
  };
}

/** Says what there is instead, where a filter names something without any usage: it may be a slip. */
export function noteUnknownNames(db: UsageDb, args: ArgValues, output: Output): void {
  const filter = filterFlags(args);
  for (const field of FILTER_OPTIONS) {
    const wanted = filter[field];
    if (wanted === undefined) continue;
    const known = db.rollups.names(field);
    for (const name of typeof wanted === "string" ? [wanted] : wanted) {
      const isMeant = filterOf({ [field]: name });
      if (known.some((one) => isMeant({ agent: one, project: one, model: one }))) continue;
      const listed = known.slice(0, LISTED_NAMES).join(", ");
      const there = known.length === 0 ? "there is none at all" : `there is usage of ${listed}`;
      const more = known.length > LISTED_NAMES ? `, and ${known.length - LISTED_NAMES} more` : "";
      output.note(`No usage of ${field} ${JSON.stringify(name)}; ${there}${more}.`);
    }
  }
}

const LISTED_NAMES = 10;

/** The first day: `--since`, or that of `--last`. */
function sinceOf(args: ArgValues, nowMs: number, rule: DayRule): string | undefined {
  const { since, last: text } = args;
  if (typeof text !== "string") return typeof since === "string" ? since : undefined;
  if (since !== undefined) {
    throw new InputError(
      "CLI_USAGE",
      "Cannot use --last: --since is given too, expected one of them",
      { details: { argument: "last" }, hint: "Leave out --last or --since." },
    );
  }
  const [, digits, unit] = /^([1-9]\d{0,4})([dwm])$/.exec(text) ?? [];
  if (digits === undefined) {
    throw new InputError(
      "CLI_USAGE",
      `Cannot use --last: it is ${JSON.stringify(text)}, expected a span such as 7d, 4w or 3m`,
      { details: { argument: "last" } },
    );
  }
  // An unknown zone is refused in the words of every other report.
  rangeOf(rule);
  const count = Number(digits);
  if (unit === "d") return sinceDaysAgo(count, nowMs, rule);
  const today = Temporal.PlainDate.from(dayOf(nowMs, rule).date);
  if (unit === "m")
    return today
      .with({ day: 1 })
      .subtract({ months: count - 1 })
      .toString();
  const monday = today.subtract({ days: today.dayOfWeek - 1 });
  return monday.subtract({ weeks: count - 1 }).toString();
}
