/** Where things are. */
import { join } from "node:path";

export const BENCH: string = import.meta.dir;
export const REPOSITORY: string = join(BENCH, "..");
/** Generated databases and transcripts; each benchmark deletes its own. */
export const DATA: string = join(BENCH, ".data");
export const MIGRATE_SCRIPT: string = join(REPOSITORY, "scripts/migrate.ts");
export const USAGEDB: string = join(REPOSITORY, "src/cli/bin.ts");
/** What the package starts when it is installed; `bun run build` writes it anew before a run. */
export const INSTALLED: string = join(BENCH, ".data/program/core/bin.js");
export const DBMATE: string = join(
  BENCH,
  "node_modules/@dbmate",
  `${process.platform}-${process.arch}`,
  process.platform === "win32" ? "bin/dbmate.exe" : "bin/dbmate",
);

export function floorScript(name: string): string {
  return join(BENCH, "floors", `${name}.ts`);
}

export function peerScript(name: string): string {
  return join(BENCH, "peers", `${name}.ts`);
}
