import { tmpdir } from "node:os";
import type { CrashJob } from "../../engine/sqlite/prove/crash.ts";
import { proveMigrations } from "../../engine/sqlite/prove/prove.ts";
import { type ArgValues, type Command, GLOBAL_ARGS } from "../command.ts";
import { DIR_ARG, migrationSource } from "../migration-source.ts";
import { numberArg } from "../number-flag.ts";
import { ownProgram } from "../own-program.ts";
import { renderTopic, renderVerdict } from "../render-proof.ts";

const DEFAULT_ROWS = 20;
const MAX_ROWS = 10_000;
const MAX_ROUNDS = 100_000;
const MAX_SEED = 0xffff_ffff;

export const testMigrations: Command = {
  meta: {
    name: "test",
    description:
      "Prove migrations in temporary files: there and back, constraints, defaults, concurrent starts",
  },
  args: {
    rows: {
      type: "string",
      valueHint: "N",
      description: `rows to fill each table with (default: ${DEFAULT_ROWS})`,
    },
    seed: {
      type: "string",
      valueHint: "N",
      description: "repeat the random choices of an earlier run",
    },
    torture: {
      type: "string",
      valueHint: "N",
      description: "kill at every statement, and N times at random moments",
    },
    "all-pairs": {
      type: "boolean",
      description: "go from every version to every other one, however many there are",
    },
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["bun scripts/test-migrations.ts", "the product's own migrations"],
    ["bun scripts/test-migrations.ts --dir db/migrations", "any directory"],
    ["usagedb migrate test --dir db/migrations --json", "for CI: exit 1 when a check failed"],
    ["usagedb migrate test --torture 100", "kills at every statement, and a hundred more"],
  ],
  run: async ({ args, output, interruptSignal }) => {
    const rows = numberArg(args, "rows", { from: 1, to: MAX_ROWS }) ?? DEFAULT_ROWS;
    const seed =
      numberArg(args, "seed", { from: 0, to: MAX_SEED }) ?? Math.floor(Math.random() * MAX_SEED);
    const killRounds = numberArg(args, "torture", { from: 1, to: MAX_ROUNDS }) ?? 0;
    const source = migrationSource(args);
    const isOwn = args["dir"] === undefined;
    const applicationId = isOwn ? (await import("../../store/schema.ts")).APPLICATION_ID : null;
    const report = await proveMigrations({
      source,
      scratch: tmpdir(),
      seed,
      rows,
      ...(applicationId === null ? {} : { applicationId }),
      starter: starterOf(args["dir"]),
      crasher: crasherOf(args["dir"]),
      ...(args["all-pairs"] === true ? { maxPairSteps: null } : {}),
      killRounds,
      signal: interruptSignal(),
      onEvent: (event) => {
        if (event.type === "topic-finished" && !(output.isQuiet && isFine(event.checks)))
          output.text(renderTopic(event.topic, event.checks));
      },
    });
    output.text(renderVerdict(report));
    output.json(report);
    return report.isProved ? 0 : 1;
  },
};

const isFine = (checks: readonly { readonly status: string }[]): boolean =>
  checks.every(({ status }) => status === "passed");

/** This very program, told to migrate. */
function starterOf(directory: ArgValues[string]): (databasePath: string) => readonly string[] {
  const command = [...ownProgram(), "migrate", "up", "--json", ...dirFlag(directory)];
  return (databasePath) => [...command, `--db=${databasePath}`];
}

/** This very program, told to be killed on the way. */
function crasherOf(
  directory: ArgValues[string],
): (job: CrashJob, killAt: number) => readonly string[] {
  const command = [...ownProgram(), "migrate", "test-crash", ...dirFlag(directory)];
  return ({ databasePath, direction, target }, killAt) => [
    ...command,
    `--db=${databasePath}`,
    `--${direction}=${target}`,
    `--at=${killAt}`,
  ];
}

const dirFlag = (directory: ArgValues[string]): readonly string[] =>
  typeof directory === "string" ? [`--dir=${directory}`] : [];
