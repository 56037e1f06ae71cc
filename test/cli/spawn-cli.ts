/** The command line as its users run it: a process of its own, with an environment of its own. */
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

export interface CliResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface CliOptions {
  /** The file to run, from the repository's root. */
  readonly program?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from stdin; nothing when left out. */
  readonly stdin?: string;
}

/** Runs the program to its end; nothing of the caller's environment but PATH reaches it. */
export async function spawnCli(
  argv: readonly string[],
  { program = "src/cli/bin.ts", cwd = ROOT, env = {}, stdin }: CliOptions = {},
): Promise<CliResult> {
  const child = Bun.spawn([process.execPath, "--no-env-file", join(ROOT, program), ...argv], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...env },
    stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** Runs `bun scripts/migrate.ts`. */
export function spawnMigrate(
  argv: readonly string[],
  options: Omit<CliOptions, "program"> = {},
): Promise<CliResult> {
  return spawnCli(argv, { ...options, program: "scripts/migrate.ts" });
}
