import { InputError, type ExitCode } from "../../../errors.ts";
import { formatVersion } from "../../../migration/version.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../../command.ts";
import { DIR_ARG, migrationSource } from "../../migration-source.ts";
import { openTarget } from "../../migration-target.ts";

export const validate: Command = {
  meta: {
    name: "validate",
    description:
      "Prove the database sound: pages, rows, keys, ledger and schema; exit 3 on a finding",
  },
  args: {
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
    [
      "usagedb migrate validate --bundle src/migrations.ts --dir db/migrations",
      "is the bundle still the directory's?",
    ],
  ],
  run: async (context) => {
    const { args, output } = context;
    if (args["bundle"] !== undefined) return validateBundle(context);
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

async function validateBundle({ args, output }: CommandContext): Promise<ExitCode> {
  const path = args["bundle"];
  if (typeof path !== "string" || path === "") {
    throw new InputError("CLI_USAGE", "Cannot use --bundle: it is empty, expected a bundle's file");
  }
  const { compareBundle, BUNDLE_REMEDY } = await import("../../../engine/bundle-check.ts");
  const { loadBundle } = await import("../../bundle-file.ts");
  const source = migrationSource(args);
  const bundle = await loadBundle(path);
  const findings = compareBundle(bundle, source).map(({ version, problem, observed }) => ({
    check: "bundle",
    object: version === null ? path : formatVersion(version),
    version,
    problem,
    observed,
    remedy: BUNDLE_REMEDY,
  }));
  const isValid = findings.length === 0;
  output.json({ isValid, bundle: path, location: source.location, findings, notChecked: [] });
  if (isValid) {
    output.outcome(`Valid: ${path} is ${source.location}, ${bundle.versions.length} migration(s).`);
    return 0;
  }
  for (const { problem, observed } of findings) output.text(`${problem}: ${observed}`);
  output.note(`  hint: ${BUNDLE_REMEDY}`);
  return 3;
}
