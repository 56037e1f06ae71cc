import { writeFileSync } from "node:fs";
import { readBundleEntries, renderBundle } from "../../../engine/bundle.ts";
import { directorySource } from "../../../engine/directory.ts";
import { InputError } from "../../../errors.ts";
import { type Command, GLOBAL_ARGS } from "../../command.ts";

export const bundle: Command = {
  meta: {
    name: "bundle",
    description: "Write a directory's migrations as one typed module, for compiled programs",
  },
  args: {
    dir: {
      type: "string",
      required: true,
      valueHint: "MIGRATIONS",
      description: "the directory to read",
    },
    out: { type: "string", required: true, valueHint: "FILE", description: "the module to write" },
    "types-from": {
      type: "string",
      valueHint: "SPECIFIER",
      description: 'where the module imports its type from (default: "usagedb/migrate")',
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    [
      "usagedb migrate bundle --dir db/migrations --out src/migrations.ts",
      "then pass it to openDatabase or createMigrator",
    ],
  ],
  run: async ({ args, output }) => {
    const { dir, out } = args;
    if (typeof dir !== "string" || typeof out !== "string") {
      throw new InputError("CLI_USAGE", "Cannot bundle: --dir or --out is missing, expected both");
    }
    const typesFrom =
      typeof args["types-from"] === "string" ? args["types-from"] : "usagedb/migrate";
    const entries = readBundleEntries(directorySource(dir));
    writeModule(out, renderBundle(entries, typesFrom));
    output.outcome(`Wrote ${entries.length} migration(s) to ${out}.`);
    output.json({ out, versions: entries.map(({ version }) => version) });
    return 0;
  },
};

function writeModule(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
    throw new InputError(
      "CLI_USAGE",
      `Cannot write ${path}: ${observed}, expected a file in a folder that exists`,
      { details: { path }, hint: "Name another --out.", cause },
    );
  }
}
