/** Processes that die just before their Nth write, flush, truncation, rename or unlink. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TempFolder } from "./temp-folder.ts";

/** Why there are none here, null when there are. */
export const NO_KILLS_AT_CALLS =
  process.platform !== "linux"
    ? "LD_PRELOAD is Linux's"
    : (Bun.which("cc") ?? Bun.which("gcc") ?? Bun.which("clang")) === null
      ? "no C compiler here"
      : null;

export interface KillAtCall {
  /** How many calls a whole run makes. */
  count(argv: readonly string[]): Promise<number>;
  /** Runs until just before the call, from 1; resolves to false when the run ended first. */
  kill(argv: readonly string[], call: number): Promise<boolean>;
}

/** Compiles the shim into the folder; commands are scripts for Bun with their arguments. */
export async function killAtCall(folder: TempFolder): Promise<KillAtCall> {
  const shim = folder.at("kill-at-call.so");
  const compiler = Bun.which("cc") ?? Bun.which("gcc") ?? "clang";
  const source = join(import.meta.dir, "kill-at-call.c");
  const flags = ["-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"];
  const build = Bun.spawn([compiler, ...flags], { stdout: "ignore", stderr: "pipe" });
  if ((await build.exited) !== 0) throw new Error(await build.stderr.text());
  const run = async (
    argv: readonly string[],
    env: Record<string, string>,
  ): Promise<Bun.Subprocess> => {
    const child = Bun.spawn([process.execPath, ...argv], {
      env: { PATH: process.env["PATH"] ?? "", HOME: folder.path, LD_PRELOAD: shim, ...env },
      stdout: "ignore",
      stderr: "ignore",
    });
    await child.exited;
    return child;
  };
  return {
    count: async (argv) => {
      const into = folder.at("calls");
      const { exitCode } = await run(argv, { COUNT_CALLS_INTO: into });
      if (exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${exitCode}`);
      return Number(readFileSync(into, "utf8"));
    },
    kill: async (argv, call) => {
      const { signalCode, exitCode } = await run(argv, { KILL_AT_CALL: String(call) });
      if (signalCode === "SIGKILL") return true;
      if (exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${exitCode}`);
      return false;
    },
  };
}
