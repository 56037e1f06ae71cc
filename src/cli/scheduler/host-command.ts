/** Programs of the system that know its schedules. */
import { OperationError } from "../../errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface HostResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 30_000;

/** Where a program of the system is; null when it is nowhere on PATH. */
export function findProgram(name: string, env: Env): string | null {
  return Bun.which(name, { PATH: env["PATH"] ?? "" });
}

/**
 * Runs a program of the system to its end, its messages in English.
 * @throws {OperationError} SCHEDULER_MISSING when there is none of this name.
 */
export function runProgram(
  argv: readonly [name: string, ...rest: string[]],
  env: Env,
  stdin?: string,
): HostResult {
  const [name, ...rest] = argv;
  const program = findProgram(name, env);
  if (program === null) {
    throw new OperationError(
      "SCHEDULER_MISSING",
      `Cannot run ${name}: it is not on PATH, expected the scheduler's program`,
      { details: { program: name } },
    );
  }
  const { exitCode, stdout, stderr } = Bun.spawnSync([program, ...rest], {
    env: { ...env, LC_ALL: "C" },
    stdin: stdin === undefined ? "ignore" : Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: TIMEOUT_MS,
  });
  return { exitCode: exitCode ?? 1, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** The same for one that has to succeed. @throws {OperationError} SCHEDULER_FAILED with what it said. */
export function requireProgram(
  argv: readonly [name: string, ...rest: string[]],
  env: Env,
  stdin?: string,
): HostResult {
  const result = runProgram(argv, env, stdin);
  if (result.exitCode === 0) return result;
  throw programFailed(argv, result);
}

export function programFailed(
  argv: readonly string[],
  { exitCode, stderr }: HostResult,
): OperationError {
  const line = argv.join(" ");
  const said = stderr.trim().slice(0, 500);
  return new OperationError(
    "SCHEDULER_FAILED",
    `Cannot run \`${line}\`: it ended with ${exitCode}${said === "" ? "" : ` (${said})`}, expected 0`,
    { details: { command: line, exitCode, stderr: said } },
  );
}
