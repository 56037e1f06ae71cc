import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";
import { needsAttention, STATE_WORDS } from "../../render-migrations.ts";

export const status: Command = {
  meta: { name: "status", description: "Compare the migrations with the ledger; reads only" },
  args: {
    check: {
      type: "boolean",
      description: "exit 3 when anything is pending, missing, edited or late",
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
    const report = (await database.migrator()).status();
    const isBad = needsAttention(report);
    if (output.isJson) {
      output.json({
        currentVersion: report.currentVersion,
        latestVersion: report.latestVersion,
        pendingCount: report.pendingCount,
        appliedMigrations: report.standings.flatMap(({ applied, state, editedSections }) =>
          applied === null
            ? []
            : [
                {
                  version: applied.version,
                  name: applied.name,
                  applied_at: applied.applied_at,
                  execution_time_ms: applied.execution_time_ms,
                  checksum: applied.checksum,
                  hasDown: applied.down_sql !== null,
                  tool_version: applied.tool_version,
                  state,
                  editedSections,
                },
              ],
        ),
        pendingMigrations: report.standings.flatMap(({ version, name, migration, state }) =>
          state === "pending" || state === "late"
            ? [{ version, name, file: migration?.file, hasDown: migration?.down !== null, state }]
            : [],
        ),
      });
    } else if (!output.isQuiet) {
      const { renderTable } = await import("../../table.ts");
      const rows = report.standings.map(
        ({ version, name, state, editedSections, applied, migration }) => [
          String(version).padStart(3, "0"),
          name,
          state === "edited"
            ? `${STATE_WORDS[state]} (${editedSections.join(", ")})`
            : STATE_WORDS[state],
          applied === null ? "" : new Date(applied.applied_at).toISOString(),
          (applied?.down_sql ?? migration?.down ?? null) === null ? "forward only" : "",
        ],
      );
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
    }
    return args["check"] === true && isBad ? 3 : 0;
  },
};
