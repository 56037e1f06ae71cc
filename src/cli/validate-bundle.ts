/** The part of `migrate validate` that needs no database: a bundle against its directory. */
import { BUNDLE_REMEDY, compareBundle } from "../engine/bundle-check.ts";
import { type ExitCode, InputError } from "../errors.ts";
import { formatVersion } from "../migration/version.ts";
import { loadBundle } from "./bundle-file.ts";
import type { CommandContext } from "./command.ts";
import { migrationSource } from "./migration-source.ts";

export async function validateBundle({ args, output }: CommandContext): Promise<ExitCode> {
  const path = args["bundle"];
  if (typeof path !== "string" || path === "") {
    throw new InputError("CLI_USAGE", "Cannot use --bundle: it is empty, expected a bundle's file");
  }
  const ignored = ["plans", "db"].find((name) => args[name] !== undefined);
  if (ignored !== undefined) {
    throw new InputError(
      "CLI_USAGE",
      `Cannot use --bundle with --${ignored}: a bundle is compared without a database, expected one of them`,
      { details: { argument: ignored }, hint: "Run `migrate validate` once for each." },
    );
  }
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
