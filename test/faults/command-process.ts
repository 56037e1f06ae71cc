/** The command line in a process that meets a fault, and how its end is judged. */
import { join } from "node:path";
import { ERROR_CATALOGUE, type ErrorCode } from "../../src/error-catalogue.ts";

export const CLI = join(import.meta.dir, "../../src/cli/bin.ts");

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** True when it was ended because it took too long. */
  readonly isHung: boolean;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends it after so long; it has hung then. */
  readonly limitMs?: number;
  /** Ends it at a moment of its run. */
  readonly killAfterMs?: number;
}

/** Runs `usagedb` with `--json --quiet`, so that stderr holds an error and nothing else. */
export async function runCommand(
  argv: readonly string[],
  { cwd, env = {}, limitMs = 60_000, killAfterMs }: CommandOptions,
): Promise<Ended> {
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", "--config=/dev/null", CLI, ...argv, "--json", "--quiet"],
    {
      cwd,
      env: { PATH: process.env["PATH"] ?? "", HOME: join(cwd, "home"), ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  let isHung = false;
  const limit = setTimeout(() => {
    isHung = true;
    child.kill("SIGKILL");
  }, limitMs);
  const kill =
    killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  clearTimeout(limit);
  clearTimeout(kill);
  const signal = child.signalCode === null ? null : String(child.signalCode);
  return { exitCode: signal === null ? exitCode : null, signal, stdout, stderr, isHung };
}

/** Codes that say nothing of what the user could do. */
const UNMAPPED: readonly string[] = ["SQL_FAILED"] satisfies readonly ErrorCode[];

/** What is wrong with how a command that failed said so; null when nothing is. */
export function faultOfFailure({ exitCode, signal, stderr }: Ended): string | null {
  if (signal !== null) return `it died of ${signal}`;
  const text = stderr.slice(Math.max(0, stderr.indexOf('{\n  "error"')));
  let code: unknown;
  let hint: unknown;
  try {
    ({ code, hint } = (JSON.parse(text) as { error: { code: unknown; hint: unknown } }).error);
  } catch {
    return `it ended with ${exitCode} and no error of ours: ${stderr.slice(0, 1500)}`;
  }
  if (typeof code !== "string" || !Object.hasOwn(ERROR_CATALOGUE, code) || UNMAPPED.includes(code))
    return `it ended with ${exitCode} and the error ${String(code)}: ${stderr.slice(0, 1500)}`;
  if (typeof hint !== "string" || hint === "") return `${code} has no hint`;
  return null;
}
