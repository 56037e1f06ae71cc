/** `bun scripts/migrate.ts …` as a process of its own. */
import { join } from "node:path";

export const MIGRATE_SCRIPT = join(import.meta.dir, "..", "..", "scripts", "migrate.ts");

export interface ProcessResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export function startMigrate(args: readonly string[], cwd: string) {
  return Bun.spawn([process.execPath, MIGRATE_SCRIPT, ...args], {
    cwd,
    // HOME is kept for Bun's own cache; what usagedb would keep there goes into the test's folder.
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      XDG_DATA_HOME: `${cwd}/data`,
      NO_COLOR: "1",
    },
    stdout: "pipe",
    stderr: "pipe",
  });
}

export async function runMigrate(args: readonly string[], cwd: string): Promise<ProcessResult> {
  const child = startMigrate(args, cwd);
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}
