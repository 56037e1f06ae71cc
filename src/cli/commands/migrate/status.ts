import type { AppliedMigration } from "../../../migration/migration.ts";
import { isReversible, type MigrationStanding } from "../../../migration/standing.ts";
import { formatVersion, type Version } from "../../../migration/version.ts";
import { walBytes } from "../../../engine/sqlite/checkpoint.ts";
import type { Connection } from "../../../engine/sqlite/connection.ts";
import { LARGE_WAL_BYTES, readLongReaders } from "../../../engine/sqlite/wal-readers.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { renderDrift } from "../../migration-events.ts";
import { openTarget } from "../../migration-target.ts";
import { printable } from "../../output.ts";
import { megabytes } from "../../progress.ts";
import { needsAttention, STATE_WORDS } from "../../render-migrations.ts";
import { renderUnfinished, stateOfUnfinished, unfinishedData } from "../../render-unfinished.ts";

export const status: Command = {
  meta: { name: "status", description: "Compare the migrations with the ledger; reads only" },
  args: {
    check: {
      type: "boolean",
      description: "exit 3 when anything is pending, missing, edited, late or drifted",
    },
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate status", "a table"],
    ["usagedb migrate status --check --quiet", "for scripts: exit 3 unless all is applied"],
    ["usagedb migrate status --json", "currentVersion, latestVersion, pendingCount, ..."],
  ],
  run: async (context) => {
    const { output, args } = context;
    using database = await openTarget(context, "read");
    const migrator = await database.migrator();
    const report = migrator.status();
    const drift = migrator.checkDrift();
    await warnOfLargeWal(database.connection, output);
    const isBad =
      report.unfinished !== null || needsAttention(report) || (drift?.differences.length ?? 0) > 0;
    if (output.isJson) {
      output.json({
        currentVersion: report.currentVersion,
        latestVersion: report.latestVersion,
        pendingCount: report.pendingCount,
        appliedMigrations: report.standings.flatMap((standing) =>
          standing.applied === null ? [] : [appliedData(standing, standing.applied)],
        ),
        pendingMigrations: report.standings.flatMap((standing) =>
          standing.applied === null ? [pendingData(standing)] : [],
        ),
        drift: drift ?? { differences: [], unknown: null },
        unfinished: report.unfinished === null ? null : unfinishedData(report.unfinished),
      });
    } else if (!output.isQuiet) {
      const { renderTable } = await import("../../table.ts");
      const rows = report.standings.map((standing) => [
        formatVersion(standing.version),
        standing.name,
        report.unfinished?.version === standing.version
          ? stateOfUnfinished(report.unfinished)
          : standing.state === "edited"
            ? `${STATE_WORDS[standing.state]} (${standing.editedSections.join(", ")})`
            : STATE_WORDS[standing.state],
        standing.applied === null ? "" : new Date(standing.applied.applied_at).toISOString(),
        remarksOf(standing),
      ]);
      if (rows.length > 0) {
        output.text(
          renderTable(
            [
              { title: "version" },
              { title: "name" },
              { title: "state" },
              { title: "applied at" },
              { title: "" },
            ],
            rows,
          ),
        );
      }
      output.text(
        `version ${report.currentVersion} of ${report.latestVersion}, ${report.pendingCount} pending`,
      );
      if (report.unfinished !== null)
        for (const line of renderUnfinished(report.unfinished)) output.text(line);
      if (drift !== null) for (const line of renderDrift(drift)) output.text(line);
    }
    return args["check"] === true && isBad ? 3 : 0;
  },
};

/** Whatever waits for the schema waits for a WAL of this size too. */
async function warnOfLargeWal(
  connection: Connection,
  output: CommandContext["output"],
): Promise<void> {
  const bytes = walBytes(connection);
  if (bytes <= LARGE_WAL_BYTES) return;
  const readers = await readLongReaders(connection.path, process.pid);
  const names = readers.map(
    ({ pid, command, startedAt }) =>
      `  process ${pid}${command === null ? "" : ` (${printable(command)})`}${startedAt === null ? "" : `, running since ${new Date(startedAt).toISOString()}`}`,
  );
  await output.warn(
    names.length === 0
      ? `The WAL has ${megabytes(bytes)}; \`usagedb maintain checkpoint\` empties it.`
      : [
          `The WAL has ${megabytes(bytes)} and cannot be emptied, because these go on reading:`,
          ...names,
        ].join("\n"),
  );
}

function remarksOf(standing: MigrationStanding): string {
  const needs = dependenciesOf(standing).map(formatVersion).join(", ");
  return [
    ...(isReversible(standing) ? [] : ["forward only"]),
    ...(needs === "" ? [] : [`depends on ${needs}`]),
  ].join(", ");
}

/** The versions that the file says it depends on; none when the file is gone. */
function dependenciesOf({ migration }: MigrationStanding): Version[] {
  return (migration?.dependsOn ?? []).map(({ version }) => version);
}

function appliedData(standing: MigrationStanding, applied: AppliedMigration): object {
  return {
    version: applied.version,
    name: applied.name,
    applied_at: applied.applied_at,
    execution_time_ms: applied.execution_time_ms,
    checksum: applied.checksum,
    hasDown: isReversible(standing),
    tool_version: applied.tool_version,
    state: standing.state,
    editedSections: standing.editedSections,
    dependsOn: dependenciesOf(standing),
  };
}

function pendingData(standing: MigrationStanding): object {
  const { version, name, migration, state } = standing;
  return {
    version,
    name,
    file: migration?.file,
    hasDown: isReversible(standing),
    state,
    dependsOn: dependenciesOf(standing),
  };
}
