/** The guard that holds a run to what the command line allows. */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { MigrationGuard } from "../engine/sqlite/hazards/index.ts";
import { InputError } from "../errors.ts";
import { HAZARD_KINDS, type HazardKind, parseHazardKinds } from "../migration/hazard-kind.ts";
import type { ArgValues, CommandContext } from "./command.ts";

/** What a guarded run has made so far; the path belongs into its report, whatever becomes of the run. */
export interface GuardedRun {
  readonly guard: MigrationGuard;
  /** The backup's path; null when none was needed. */
  readonly backupPath: () => string | null;
}

/** A guard as the flags want it; what it finds out and does is told on stderr at once. */
export async function guardedRun(
  { args, output, now }: CommandContext,
  connection: Connection,
): Promise<GuardedRun> {
  const { createHazardGuard } = await import("../engine/sqlite/hazards/guard.ts");
  let path: string | null = null;
  const guard = createHazardGuard(connection, {
    allow: allowArg(args),
    withBackup: args["no-backup"] !== true,
    now,
    onAnalysed: (analysis) => {
      // Not loaded with this module: most runs have nothing to tell.
      const { renderCaveats } =
        require("./render-hazards.ts") as typeof import("./render-hazards.ts");
      for (const line of analysis.steps.flatMap(renderCaveats)) output.note(`  ${line}`);
    },
    onBackup: (backup) => {
      path = backup.path;
      const { megabytes } = require("./progress.ts") as typeof import("./progress.ts");
      output.note(`  backed up to ${backup.path} (${megabytes(backup.sizeBytes)})`);
    },
  });
  return { guard, backupPath: () => path };
}

/**
 * Reads `--allow`.
 * @throws {InputError} CLI_USAGE for a name that is no hazard.
 */
export function allowArg(args: ArgValues): readonly HazardKind[] {
  const text = args["allow"];
  if (typeof text !== "string") return [];
  const { kinds, unknown } = parseHazardKinds(text);
  if (unknown === null && kinds.length > 0) return kinds;
  throw new InputError(
    "CLI_USAGE",
    `Cannot use --allow: ${JSON.stringify(unknown ?? text)} is not a hazard, expected some of ${HAZARD_KINDS.join(", ")}`,
    {
      details: { argument: "allow" },
      hint: "Run `migrate plan` to see the hazards of each migration.",
    },
  );
}
