import { existsSync } from "node:fs";
import { isAgreed, YES_ARG } from "../ask.ts";
import { OperationError } from "../../errors.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { databasePath } from "../paths.ts";
import { megabytes } from "../progress.ts";

export const backup: Command = {
  meta: {
    name: "backup",
    description: "Write a verified copy of the database while others go on using it",
  },
  args: {
    file: {
      type: "positional",
      required: false,
      description: "the copy, a new file (default: beside the database, with the time in its name)",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb backup", "beside the database"],
    [
      "usagedb backup /mnt/disk/usage.db",
      "to a file of its own, with its SHA-256 in usage.db.sha256",
    ],
  ],
  run: async (context) => {
    const { args, output, env } = context;
    const { openConnection } = await import("../../engine/sqlite/open.ts");
    const { backupDatabase } = await import("../../engine/sqlite/backup.ts");
    using connection = openConnection(databasePath(args["db"], env), { mode: "existing" });
    const file = args["file"];
    const target = typeof file === "string" ? file : defaultTarget(connection.path, context);
    const report = backupDatabase(connection, target);
    output.outcome(
      `Backed up to ${report.path} (${megabytes(report.sizeBytes)}, sha256 ${report.sha256.slice(0, 12)}…).`,
    );
    for (const finding of report.brokenRows)
      await output.warn(`The copy is whole, and so is what is wrong in the database: ${finding}.`);
    output.json(report);
    return 0;
  },
};

export const restore: Command = {
  meta: {
    name: "restore",
    description: "Put a backup in the database's place: the old content or the new, never a blend",
  },
  args: {
    file: { type: "positional", required: true, description: "the backup" },
    ...YES_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb restore /mnt/disk/usage.db --yes", "everything since that backup is given up"],
  ],
  run: async ({ args, output, env }) => {
    const { restoreDatabase } = await import("../../engine/sqlite/restore.ts");
    const database = databasePath(args["db"], env);
    await refuseStrangers(String(args["file"]), database);
    // Everything since the backup is given up.
    const question = `Replace the content of ${database}?`;
    if (!(await isAgreed(args, { action: "restore", question }))) return 1;
    const report = await restoreDatabase(String(args["file"]), database);
    output.outcome(`Restored ${report.restoredTo} from ${report.path}.`);
    output.json(report);
    return 0;
  },
};

/**
 * Refuses a backup of one application for the file of another, and a backup of ours that is newer than this
 * program. Files that are migrated with `--dir` are anybody's, so it is the two that must agree.
 */
async function refuseStrangers(backupFile: string, database: string): Promise<void> {
  if (!existsSync(backupFile)) return;
  const { openUntouched } = await import("../../engine/sqlite/open-untouched.ts");
  const { openForRestore } = await import("../../engine/sqlite/restore.ts");
  const { readLedgerHead } = await import("../../engine/sqlite/ledger.ts");
  const { APPLICATION_ID, applicationIdOf, ownMigrations, tablesOf } =
    await import("../../store/schema.ts");
  using copy = openUntouched(backupFile, undefined, { mayHaveNames: true });
  const applicationId = applicationIdOf(copy);
  if (existsSync(database)) {
    using live = openForRestore(database);
    const [ours, theirs] = [applicationIdOf(live), applicationId];
    if (ours !== theirs && tablesOf(live).length > 0) {
      throw new OperationError(
        "DATABASE_FOREIGN",
        `Cannot restore ${backupFile}: its application_id is ${theirs}, expected ${ours}, that of ${database}`,
        {
          details: { path: database, applicationId: theirs },
          hint: "Name the database that the backup was made of.",
        },
      );
    }
  }
  if (applicationId !== APPLICATION_ID) return;
  const latest = ownMigrations().versions().at(-1) ?? 0;
  const version = readLedgerHead(copy)?.version ?? 0;
  if (version <= latest) return;
  throw new OperationError(
    "DATABASE_NEWER",
    `Cannot restore ${backupFile}: it is at version ${version}, expected at most ${latest}`,
    { details: { path: backupFile, currentVersion: version, latestVersion: latest } },
  );
}

function defaultTarget(database: string, { now }: CommandContext): string {
  return `${database}.${new Date(now()).toISOString().replace(/[-:]|\.\d+/g, "")}.backup`;
}
