/** Processes that die just before their Nth write, flush, truncation, rename or unlink. */
import { compileShim, NO_FAULT_SHIM, readCalls, shimEnv, type FaultOrders } from "./fault-shim.ts";
import type { TempFolder } from "./temp-folder.ts";

/** Why there are none here, null when there are. */
export const NO_KILLS_AT_CALLS = NO_FAULT_SHIM;

export interface KillAtCall {
  /** How many calls a whole run makes. */
  count(argv: readonly string[]): Promise<number>;
  /** Runs until just before the call, from 1; resolves to false when the run ended first. */
  kill(argv: readonly string[], call: number): Promise<boolean>;
}

/** Compiles the shim into the folder; commands are scripts for Bun with their arguments. */
export async function killAtCall(folder: TempFolder): Promise<KillAtCall> {
  const shim = await compileShim(folder);
  const run = async (
    argv: readonly string[],
    orders: Omit<FaultOrders, "under">,
  ): Promise<Bun.Subprocess> => {
    const child = Bun.spawn([process.execPath, ...argv], {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: folder.path,
        ...shimEnv(shim, { under: folder.path, ...orders }),
      },
      stdout: "ignore",
      stderr: "ignore",
    });
    await child.exited;
    return child;
  };
  return {
    count: async (argv) => {
      const list = folder.at("calls");
      const { exitCode } = await run(argv, { list });
      if (exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${exitCode}`);
      return readCalls(list).length;
    },
    kill: async (argv, call) => {
      const { signalCode, exitCode } = await run(argv, { at: call, mode: "kill" });
      if (signalCode === "SIGKILL") return true;
      if (exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${exitCode}`);
      return false;
    },
  };
}
