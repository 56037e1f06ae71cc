/** Whole processes: started, waited for, and asked what they used. */
import type { Sample } from "./contender.ts";

export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from stdin; nothing when left out. */
  readonly stdin?: string;
  /** Words that the output must hold: a contender that fails quickly would win. */
  readonly expect?: RegExp;
}

export interface Finished extends Sample {
  readonly stdout: string;
}

/** Runs a command to its end; anything but success and the expected words is an error. */
export function spawnTimed(cmd: readonly string[], options: SpawnOptions = {}): Finished {
  const startedAt = performance.now();
  const { exitCode, stdout, stderr, resourceUsage } = Bun.spawnSync({
    cmd: [...cmd],
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
  const wallMs = performance.now() - startedAt;
  const text = stdout.toString();
  const said = `${text}${stderr.toString()}`;
  if (exitCode !== 0 || (options.expect !== undefined && !options.expect.test(said)))
    throw new Error(`${cmd.join(" ")} ended with ${exitCode} and said: ${said.slice(0, 2000)}`);
  return { wallMs, cpuMs: Number(resourceUsage.cpuTime.total) / 1000, stdout: text };
}
