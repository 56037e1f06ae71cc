/** The command line as `npm install` puts it there. */
import { dirname, join } from "node:path";
import { INSTALLED, REPOSITORY } from "./paths.ts";
import { spawnTimed } from "./spawn.ts";

/** Builds it anew: an earlier one may be older than the source. */
export function buildInstalled(): void {
  const folder = dirname(dirname(INSTALLED));
  spawnTimed([process.execPath, join(REPOSITORY, "scripts/build.ts"), folder]);
}
