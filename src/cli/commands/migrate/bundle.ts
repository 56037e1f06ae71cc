import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import {
  BUNDLE_HEAD,
  readBundleEntries,
  renderBundle,
  renderBundleHead,
} from "../../../engine/bundle.ts";
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
    "head-out": {
      type: "string",
      valueHint: "FILE",
      description: "a second module, with the stamp and the versions alone",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    [
      "usagedb migrate bundle --dir db/migrations --out src/migrations.ts",
      "then hand bundleSource(migrations) to createMigrator",
    ],
  ],
  run: async ({ args, output }) => {
    const { dir, out } = args;
    if (typeof dir !== "string" || typeof out !== "string") {
      throw new InputError("CLI_USAGE", "Cannot bundle: --dir or --out is missing, expected both");
    }
    const typesFrom =
      typeof args["types-from"] === "string" ? args["types-from"] : "usagedb/migrate";
    const source = directorySource(dir.replace(/(?<=.)\/+$/, ""));
    const entries = readBundleEntries(source);
    const headOut = args["head-out"];
    refuseForeignFile(out);
    if (typeof headOut === "string") refuseHead(headOut, out);
    writeModule(out, renderBundle(entries, { typesFrom, modulesFrom: specifierOf(out, dir) }));
    if (typeof headOut === "string") writeModule(headOut, renderBundleHead(entries, { typesFrom }));
    output.outcome(`Wrote ${entries.length} migration(s) to ${out}.`);
    output.json({ out, versions: entries.map(({ version }) => version) });
    return 0;
  },
};

/** The directory as a module at `out` imports from it. */
function specifierOf(out: string, directory: string): string {
  const path = relative(dirname(resolve(out)), resolve(directory)).replaceAll("\\", "/");
  return path.startsWith(".") ? path : `./${path}`.replace(/\/$/, "");
}

function refuseHead(headOut: string, out: string): void {
  refuseForeignFile(headOut);
  if (resolve(headOut) !== resolve(out)) return;
  throw new InputError(
    "CLI_USAGE",
    `Cannot write ${headOut}: it is --out too, expected a file of its own for --head-out`,
    { details: { path: headOut }, hint: "Name another --head-out." },
  );
}

/** A slip of the finger must not cost somebody's own module. */
function refuseForeignFile(path: string): void {
  if (!existsSync(path) || isWritable(path)) return;
  throw new InputError(
    "CLI_USAGE",
    `Cannot write ${path}: it exists and is no bundle, expected a new file or one that \`migrate bundle\` wrote`,
    { details: { path }, hint: "Name another --out, or delete the file first." },
  );
}

function isWritable(path: string): boolean {
  try {
    const text = readFileSync(path, "utf8");
    return text === "" || text.startsWith(BUNDLE_HEAD);
  } catch {
    // A folder, say: writing it fails, with the words for why.
    return true;
  }
}

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
