/** How this very program is started from any folder, so that nothing in that folder has a say. */
import { fileURLToPath } from "node:url";

/**
 * What keeps Bun from the files of the folder it is started in: `.env` (a DATABASE_URL, say), the `preload` of a
 * `bunfig.toml`, and the `paths` of a `tsconfig.json` or `jsconfig.json` there or above, of which `"*"` puts another
 * file in the place of the very program. The first lines of the scripts have the same.
 */
export const ALOOF_BUN: readonly string[] = [
  "--no-env-file",
  "--config=/dev/null",
  "--tsconfig-override=/dev/null",
];

/** The words that start `usagedb`: a compiled one by itself, a script by Bun. */
export function ownProgram(): readonly string[] {
  const isCompiled = import.meta.path.startsWith("/$bunfs/") || import.meta.path.includes("~BUN");
  if (isCompiled) return [process.execPath];
  return [process.execPath, ...ALOOF_BUN, fileURLToPath(import.meta.resolve("./bin.ts"))];
}
