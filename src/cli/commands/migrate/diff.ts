import { diffSchema, type SchemaDiff } from "../../../engine/sqlite/schema-diff.ts";
import { type MigrationEdit, editsOf } from "../../../migration/edits.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";

export const diff: Command = {
  meta: {
    name: "diff",
    description:
      "Show how the schema differs from what the applied migrations build, and the SQL that mends it; exit 3 when it does",
  },
  args: { ...DIR_ARG, ...GLOBAL_ARGS },
  examples: [
    ["usagedb migrate diff", "every table, column, index, view and trigger that differs"],
    ["usagedb migrate diff --quiet > mend.sql", "the SQL alone; read it before you run it"],
    ["usagedb migrate diff --json", "differences[], mend, edits[], unknown"],
  ],
  run: async (context) => {
    const { output } = context;
    using database = await openTarget(context, "read");
    const migrator = await database.migrator();
    const { connection } = database;
    const { standings } = migrator.status();
    const ledger = standings.flatMap(({ applied }) => (applied === null ? [] : [applied]));
    const migrations = standings.flatMap(({ migration }) =>
      migration === null ? [] : [migration],
    );
    const found = connection.reading(() => diffSchema(connection, ledger, migrations));
    const edits = standings.flatMap(editsOf);
    output.json({ ...found, edits });
    const { renderDiff, renderMend } = await import("../../render-diff.ts");
    if (found.unknown !== null) output.note(`The schema cannot be compared: ${found.unknown}.`);
    if (!output.isQuiet) output.text(renderDiff(found, edits));
    if (found.differences.length > 0) output.text(renderMend(found.mend));
    return isEqual(found, edits) ? 0 : 3;
  },
};

function isEqual({ differences, unknown }: SchemaDiff, edits: readonly MigrationEdit[]): boolean {
  return differences.length === 0 && edits.length === 0 && unknown === null;
}
