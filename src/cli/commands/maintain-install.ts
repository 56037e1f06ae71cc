import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { InputError, OperationError } from "../../errors.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { ownProgram } from "../own-program.ts";
import { databasePath } from "../paths.ts";
import { CADENCE_NAMES, cadenceOf } from "../scheduler/cadence.ts";
import { hashOf, idOf, schedulersOf } from "../scheduler/host-schedulers.ts";
import type { ScheduledEntry, Scheduler, SchedulerChange } from "../scheduler/scheduler.ts";
import { nearest } from "../suggest.ts";

const SCHEDULERS = ["systemd", "crontab", "launchd"] as const;

const SCHEDULER_ARGS = {
  scheduler: {
    type: "string",
    valueHint: SCHEDULERS.join("|"),
    description: "whose entry (default: the one that runs here)",
  },
  "dry-run": { type: "boolean", description: "print what would be written, and write nothing" },
} as const;

export const maintainInstall: Command = {
  meta: {
    name: "install",
    description:
      "Have the system's scheduler run `usagedb maintain`; other entries stay as they are, and a copy is kept",
  },
  args: {
    every: {
      type: "string",
      valueHint: CADENCE_NAMES.join("|"),
      description: "how often (default: 1h)",
    },
    ...SCHEDULER_ARGS,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb maintain install --dry-run", "see what would be written"],
    ["usagedb maintain install", "every hour"],
    ["usagedb maintain install --every 10m --scheduler crontab", "by cron, every ten minutes"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const database = databaseOf(context);
    const entry = entryOf(database, String(args["every"] ?? "1h"));
    const schedulers = schedulersOf(context, database);
    const scheduler = chosenOf(context, schedulers);
    if (!existsSync(database)) {
      throw new OperationError(
        "DATABASE_NOT_FOUND",
        `Cannot have ${database} maintained: there is no such file, expected a database`,
        { details: { path: database } },
      );
    }
    // Two schedulers would do the same work twice.
    const others = schedulers
      .filter((other) => other !== scheduler && other.isAvailable())
      .map((other) => other.uninstall(entry.id));
    const { isChanged, copies } = carryOut(context, [scheduler.install(entry), ...others]);
    if (args["dry-run"] !== true) {
      output.outcome(
        `${isChanged ? "From now on" : "As before,"} ${scheduler.name} maintains ${database}, every ${entry.cadence.name}.`,
      );
      if (scheduler.remark !== null) output.note(scheduler.remark);
    }
    output.json({
      ...factsOf(context, database),
      scheduler: scheduler.name,
      every: entry.cadence.name,
      isChanged,
      copies,
    });
    return 0;
  },
};

export const maintainUninstall: Command = {
  meta: { name: "uninstall", description: "Take the entries out of the system's schedulers again" },
  args: { ...SCHEDULER_ARGS, ...GLOBAL_ARGS },
  examples: [
    ["usagedb maintain uninstall", "only what `install` wrote for this database is removed"],
    ["usagedb maintain uninstall --dry-run", "see what"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const database = databaseOf(context);
    const schedulers = schedulersOf(context, database);
    const chosen =
      args["scheduler"] === undefined
        ? schedulers.filter((scheduler) => scheduler.isAvailable())
        : [chosenOf(context, schedulers)];
    const changes = chosen.map((scheduler) => scheduler.uninstall(idOf(database)));
    const { isChanged, copies } = carryOut(context, changes);
    if (!isChanged) output.outcome(`No scheduler maintains ${database}.`);
    else if (args["dry-run"] !== true)
      output.outcome(`No scheduler maintains ${database} any more.`);
    output.json({ ...factsOf(context, database), isChanged, copies });
    return 0;
  },
};

function carryOut(
  { args, output }: CommandContext,
  changes: readonly SchedulerChange[],
): { readonly isChanged: boolean; readonly copies: readonly string[] } {
  const due = changes.filter(({ isChanged }) => isChanged);
  const isDryRun = args["dry-run"] === true;
  if (isDryRun) for (const { preview } of due) output.text(preview);
  const copies = isDryRun ? [] : due.flatMap((change) => change.apply());
  for (const copy of copies) output.outcome(`What was there is kept in ${copy}.`);
  return { isChanged: due.length > 0, copies };
}

function factsOf({ args }: CommandContext, database: string): Record<string, unknown> {
  return { database, isDryRun: args["dry-run"] === true };
}

/** Absolute: a scheduler starts programs in some folder of its own, with hardly an environment. */
function databaseOf({ args, env }: CommandContext): string {
  const database = resolve(databasePath(args["db"], env));
  // oxlint-disable-next-line no-control-regex
  if (!/[\u0000-\u001f\u007f]/.test(database)) return database;
  throw new InputError(
    "VALUE_INVALID",
    "Cannot have the database maintained: its path has a control character, expected one that fits into a line",
    { details: { field: "db" } },
  );
}

function entryOf(database: string, every: string): ScheduledEntry {
  const cadence = cadenceOf(every, Number.parseInt(hashOf(database).slice(12, 20), 16));
  const maxSeconds = Math.min(1800, cadence.minutes * 30);
  return {
    id: idOf(database),
    database,
    argv: [
      ...ownProgram(),
      "maintain",
      "run",
      "--quiet",
      `--max-time=${maxSeconds}s`,
      `--db=${database}`,
    ],
    cadence,
  };
}

/** @throws {OperationError} SCHEDULER_MISSING. @throws {InputError} CLI_USAGE. */
function chosenOf({ args }: CommandContext, schedulers: readonly Scheduler[]): Scheduler {
  const wanted = args["scheduler"];
  if (typeof wanted === "string" && !(SCHEDULERS as readonly string[]).includes(wanted)) {
    throw new InputError(
      "CLI_USAGE",
      `Cannot use --scheduler ${JSON.stringify(wanted)}: there is none of this name, expected ${nearest(wanted, SCHEDULERS) ?? SCHEDULERS.join(", ")}`,
      { details: { argument: "scheduler", known: SCHEDULERS } },
    );
  }
  const chosen = schedulers.find(
    (scheduler) => (wanted === undefined || scheduler.name === wanted) && scheduler.isAvailable(),
  );
  if (chosen !== undefined) return chosen;
  throw new OperationError(
    "SCHEDULER_MISSING",
    `Cannot have maintenance run by itself: ${typeof wanted === "string" ? `${wanted} does` : "neither systemd's user manager nor crontab nor launchd do"} not answer here, expected a scheduler`,
    { details: { scheduler: wanted ?? null } },
  );
}
