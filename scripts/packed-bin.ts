/**
 * Which file `usagedb` is, for `npm pack`: `bun scripts/packed-bin.ts built` before, `source` after. A checkout has no
 * build step, so nothing that was built can be older than it; what is published is built as it is packed.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = join(import.meta.dir, "../package.json");
const BINS: Readonly<Record<string, string>> = {
  source: "./src/cli/bin.ts",
  built: "./dist/program/core/bin.js",
};

const [wanted = ""] = process.argv.slice(2);
const bin = BINS[wanted];
const text = readFileSync(FILE, "utf8");
const line = /("usagedb": )"\.\/[^"]+"/;
if (bin === undefined || !line.test(text)) {
  console.error(
    `Cannot set the program of package.json: expected one of ${Object.keys(BINS).join(", ")}`,
  );
  process.exitCode = 2;
} else writeFileSync(FILE, text.replace(line, `$1${JSON.stringify(bin)}`));
