import { type PlanFinding } from "../../../engine/sqlite/plans.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";
import { hotQueries } from "../../hot-queries.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";
import { renderPlanFindings } from "../../render-plans.ts";

export const validate: Command = {
  meta: {
    name: "validate",
    description:
      "Prove the database sound: pages, rows, keys, ledger and schema; exit 3 on a finding",
  },
  args: {
    plans: {
      type: "boolean",
      description:
        "also the plans of the hot queries in queries.sql, unused indexes, unindexed keys",
    },
    bundle: {
      type: "string",
      valueHint: "FILE",
      description: "instead prove a bundle equal to the migrations, without a database",
    },
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate validate", "every check, with what to do about each finding"],
    ["usagedb migrate validate --json", "isValid, findings[], notChecked[]"],
    ["usagedb migrate validate --plans", "exit 3 also when a hot query became a scan"],
    [
      "usagedb migrate validate --bundle src/migrations.ts --dir db/migrations",
      "is the bundle still the directory's?",
    ],
  ],
  run: async (context) => {
    const { args, output } = context;
    if (args["bundle"] !== undefined)
      return (await import("../../validate-bundle.ts")).validateBundle(context);
    const queries = args["plans"] === true ? await hotQueries(args) : null;
    const { validateConnection } = await import("../../../engine/sqlite/validate.ts");
    using database = await openTarget(context, "read");
    const migrator = await database.migrator();
    const { connection } = database;
    const { checkPlans } = await import("../../../engine/sqlite/plans.ts");
    const { report, plans } = connection.reading(() => ({
      report: validateConnection(connection, migrator.status().standings),
      plans: queries === null ? null : checkPlans(connection, queries).findings,
    }));
    const isOf = (degree: PlanFinding["degree"]): readonly PlanFinding[] =>
      (plans ?? []).filter((finding) => finding.degree === degree);
    const findings = [...report.findings, ...isOf("regression")];
    const isValid = findings.length === 0;
    const remarks = plans === null ? {} : { remarks: isOf("remark") };
    output.json({ isValid, findings, notChecked: report.notChecked, ...remarks });
    for (const reason of report.notChecked) output.note(`not checked: ${reason}`);
    for (const line of renderPlanFindings(isOf("remark"))) output.text(line);
    if (isValid) {
      const also = plans === null ? "" : ", and the plans of the hot queries";
      output.outcome(`Valid: integrity, foreign keys, parent keys, ledger and schema${also}.`);
      return 0;
    }
    const { renderTable } = await import("../../table.ts");
    output.text(
      renderTable(
        [{ title: "check" }, { title: "object" }, { title: "found" }, { title: "what to do" }],
        findings.map(({ check, object, observed, remedy }) => [check, object, observed, remedy]),
      ),
    );
    return 3;
  },
};
