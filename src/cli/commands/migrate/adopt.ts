import { existsSync, statSync } from "node:fs";
import { backupDatabase, type BackupReport } from "../../../engine/sqlite/backup.ts";
import { FOREIGN_TOOLS } from "../../../engine/sqlite/foreign-ledgers/foreign-ledger.ts";
import { openConnection } from "../../../engine/sqlite/open.ts";
import { type ExitCode, refuseValue, UsageDbError } from "../../../errors.ts";
import { adoptEventsDb, type AdoptionReport } from "../../../ingest/events-db/adopt.ts";
import { EventsDb } from "../../../ingest/events-db/source.ts";
import { openUsageDb } from "../../../usage-db.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../../command.ts";
import { openDatabase } from "../../database.ts";
import { databasePath } from "../../paths.ts";
import { ProgressLine } from "../../progress.ts";

export const adopt: Command = {
  meta: {
    name: "adopt",
    description:
      "Take over a database that another migration tool migrated (--dir), or bring the rows of an earlier usage database, events.db, into this one",
  },
  args: {
    file: {
      type: "positional",
      required: false,
      description: "the earlier usage database; it stays as it is",
    },
    dir: {
      type: "string",
      valueHint: "MIGRATIONS",
      description:
        "the migrations that the other tool applied to --db, as they stand; for those that are programs (knex, kysely, umzug, Rails) write .sql files with the same versions and names",
    },
    from: {
      type: "string",
      valueHint: "TOOL",
      description: `whose ledger counts, where there are several: ${FOREIGN_TOOLS.join(", ")}`,
    },
    table: {
      type: "string",
      valueHint: "NAME",
      description: "the table of that ledger, where the tool was told to use another; needs --from",
    },
    "dry-run": { type: "boolean", description: "print what would be written, and write nothing" },
    "no-backup": {
      type: "boolean",
      description: "do not copy a database that exists before writing into it",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate adopt events.db --dry-run", "see where every row would go"],
    ["usagedb migrate adopt events.db", "into your own database; running it again adds nothing"],
    ["usagedb migrate adopt events.db --db new.db", "into a new file"],
    [
      "usagedb migrate adopt --dir db/migrations --db app.db --dry-run",
      "see which versions the ledger of dbmate, goose, sqlx, ... has",
    ],
    [
      "usagedb migrate adopt --dir db/migrations --db app.db",
      "go on from there with `up`; the other tool's rows are kept",
    ],
  ],
  run: async (context) => {
    const { args, env } = context;
    const isLedger = ["dir", "from", "table"].some((name) => args[name] !== undefined);
    if (isLedger || args["file"] === undefined) {
      return (await import("../../ledger-adoption.ts")).adoptForeignLedger(context);
    }
    using source = new EventsDb(String(args["file"]));
    const target = databasePath(args["db"], env);
    const exists = target !== "" && existsSync(target);
    if (exists) refuseSameFile(source.connection.path, target);
    const isDryRun = args["dry-run"] === true;
    if (isDryRun || exists) {
      const preview = previewAdoption(context, source, exists);
      if (preview !== null && (isDryRun || bringsNothing(preview)))
        return print(context, { ...preview, isDryRun }, null);
    }
    const needsBackup = exists && args["no-backup"] !== true && statSync(target).size > 0;
    const backup = needsBackup ? backUp(context, target) : null;
    using db = openDatabase(context, "create");
    const progress = new ProgressLine("Adopting", context.output.isQuiet);
    try {
      const report = adoptEventsDb(db, source, {
        onProgress: (done, total) => progress.update(done, total, (rows) => `${rows} rows`),
      });
      progress.clear();
      return await print(context, report, backup);
    } finally {
      progress.clear();
    }
  },
};

/** What adopting would do; null for a database that has to be migrated first, which is a write of its own. */
function previewAdoption(
  context: CommandContext,
  source: EventsDb,
  exists: boolean,
): AdoptionReport | null {
  const isDryRun = context.args["dry-run"] === true;
  try {
    using db = exists
      ? openDatabase(context, "read")
      : openUsageDb(":memory:", { now: context.now });
    return adoptEventsDb(db, source, { dryRun: true });
  } catch (error) {
    const isOutdated = error instanceof UsageDbError && error.code === "DATABASE_OUTDATED";
    if (!isDryRun && isOutdated) return null;
    throw error;
  }
}

/** A second run needs neither a backup nor a lock. */
function bringsNothing({ tables }: AdoptionReport): boolean {
  return tables.every(({ broughtIn }) => broughtIn === 0);
}

function backUp({ output, now }: CommandContext, target: string): BackupReport {
  using connection = openConnection(target, { mode: "existing" });
  // With milliseconds, unlike a backup's usual name: who was interrupted starts again at once.
  const stamp = new Date(now()).toISOString().replace(/[-:.]/g, "");
  const backup = backupDatabase(connection, `${connection.path}.${stamp}.before-adopt.backup`);
  output.note(`Backed up to ${backup.path}.`);
  return backup;
}

function refuseSameFile(source: string, target: string): void {
  const [left, right] = [statSync(source), statSync(target)];
  if (left.dev !== right.dev || left.ino !== right.ino) return;
  refuseValue("--db", "the old file itself", "another file");
}

async function print(
  { output }: CommandContext,
  report: AdoptionReport,
  backup: BackupReport | null,
): Promise<ExitCode> {
  if (!output.isJson) {
    const { renderAdoption } = await import("../../render-adoption.ts");
    output.text(renderAdoption(report));
  }
  const brought = report.tables.reduce((sum, { broughtIn }) => sum + broughtIn, 0);
  const does = report.isDryRun ? "Would bring" : "Brought";
  output.outcome(
    `\n${does} in ${brought} row(s) and ${report.sessionsCreated} session(s); every row is accounted for.`,
  );
  output.json({ ...report, backup: backup?.path ?? null });
  return 0;
}
