import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";

export const validate: Command = {
  meta: {
    name: "validate",
    description:
      "Prove the database sound: pages, rows, keys, ledger and schema; exit 3 on a finding",
  },
  args: { ...DIR_ARG, ...GLOBAL_ARGS },
  examples: [
    ["usagedb migrate validate", "every check, with what to do about each finding"],
    ["usagedb migrate validate --json", "isValid, findings[], notChecked[]"],
  ],
  run: async (context) => {
    const { output } = context;
    const { validateConnection } = await import("../../../engine/sqlite/validate.ts");
    using database = await openTarget(context, "read");
    const migrator = await database.migrator();
    const { connection } = database;
    const report = connection.reading(() =>
      validateConnection(connection, migrator.status().standings),
    );
    output.json(report);
    for (const reason of report.notChecked) output.note(`not checked: ${reason}`);
    if (report.isValid) {
      output.outcome("Valid: integrity, foreign keys, parent keys, ledger and schema.");
      return 0;
    }
    const { renderTable } = await import("../../table.ts");
    output.text(
      renderTable(
        [{ title: "check" }, { title: "object" }, { title: "found" }, { title: "what to do" }],
        report.findings.map(({ check, object, observed, remedy }) => [
          check,
          object,
          observed,
          remedy,
        ]),
      ),
    );
    return 3;
  },
};
