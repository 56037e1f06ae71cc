import type { RehearsalEvent } from "../../../engine/sqlite/rehearse/report.ts";
import { InputError } from "../../../errors.ts";
import { formatVersion } from "../../../migration/version.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { allowArg } from "../../guarded-run.ts";
import { ALLOW_ARG } from "../../hazard-flags.ts";
import { DIR_ARG, migrationSource } from "../../migration-source.ts";
import { versionArg } from "../../migration-target.ts";
import { numberArg } from "../../number-flag.ts";
import type { Output } from "../../output.ts";
import { databasePath } from "../../paths.ts";
import { megabytes } from "../../progress.ts";
import { milliseconds, renderRehearsal } from "../../render-rehearsal.ts";

const MAX_LAST = 100_000;

export const rehearse: Command = {
  meta: {
    name: "rehearse",
    description:
      "Run the pending migrations up, down and up again on a private copy, and compare; the database is only read",
  },
  args: {
    to: { type: "string", valueHint: "VERSION", description: "stop after this version" },
    last: {
      type: "string",
      valueHint: "N",
      description: "rehearse undoing and redoing the newest N applied versions instead",
    },
    "allow-out-of-order": {
      type: "boolean",
      description: "also rehearse versions older than the newest applied one",
    },
    tmp: {
      type: "string",
      valueHint: "FOLDER",
      description: "where the copy is made (default: beside the database)",
    },
    ...ALLOW_ARG,
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate rehearse --dir db/migrations --db app.db", "before `up` on a real database"],
    ["usagedb migrate rehearse --last 1 --dir db/migrations --db app.db", "before `rollback`"],
    ["usagedb migrate rehearse --json --tmp /big/disk", "for CI: exit 3 when a problem was found"],
  ],
  run: async (context) => {
    const { args, env, output, interruptSignal } = context;
    const target = versionArg(args, "to");
    const last = numberArg(args, "last", { from: 1, to: MAX_LAST });
    if (last !== undefined && target !== undefined) refuseBoth();
    const own = args["dir"] === undefined ? await import("../../../store/schema.ts") : null;
    const allow = allowArg(args);
    const folder = args["tmp"];
    const { rehearse: run } = await import("../../../engine/sqlite/rehearse/rehearse.ts");
    const report = await run({
      databasePath: databasePath(args["db"], env),
      source: migrationSource(args),
      ...(target === undefined ? {} : { target }),
      ...(last === undefined ? {} : { last }),
      allowOutOfOrder: args["allow-out-of-order"] === true,
      // Our own migrations come with the program; `up` does not hold them to flags either.
      allow: own === null ? allow : null,
      ...(typeof folder === "string" ? { folder } : {}),
      ...(own === null
        ? {}
        : { applicationId: own.APPLICATION_ID, refuse: (live) => own.refuseForeign(live) }),
      signal: interruptSignal(),
      onEvent: (event) => tell(output, event),
    });
    output.text(renderRehearsal(report));
    output.json(report);
    return report.isClean ? 0 : 3;
  },
};

const PHASES = { up: "up", down: "down", "up-again": "up again" } as const;

/** Progress, on stderr. */
function tell(output: Output, event: RehearsalEvent): void {
  if (event.type === "copying") output.note(`Copying ${megabytes(event.sizeBytes)} …`);
  if (event.type === "copied") output.note(`  copied in ${milliseconds(event.durationMs)}`);
  if (event.type === "checking") output.note(`Comparing after ${PHASES[event.moment]} …`);
  if (event.type === "step-finished") {
    const { direction, version, name, durationMs } = event.step;
    const arrow = direction === "up" ? "+" : "-";
    output.note(`  ${arrow} ${formatVersion(version)}_${name}  ${milliseconds(durationMs)}`);
  }
}

function refuseBoth(): never {
  throw new InputError(
    "CLI_USAGE",
    "Cannot use --to with --last: one is about pending versions, the other about applied ones, expected one of them",
    { details: { argument: "last" }, hint: "Leave one of the two out." },
  );
}
