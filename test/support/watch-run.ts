/** `usagedb watch` in a terminal, with a clock that stands still. */
import { join } from "node:path";
import type { TempFolder } from "./temp-folder.ts";
import { TerminalRun } from "./terminal-screen.ts";
import { WATCH_NOW, type WatchedUsage } from "./watched-usage.ts";

export const WATCH_PROGRAM = join(import.meta.dir, "watch-program.ts");

export interface WatchRunOptions {
  readonly cols?: number;
  readonly rows?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export const watchCommand = (usage: WatchedUsage): string[] => [
  process.execPath,
  "--no-env-file",
  WATCH_PROGRAM,
  "watch",
  "--db",
  usage.database,
];

export const watchEnv = (folder: TempFolder, usage: WatchedUsage): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: folder.path,
  TERM: "xterm-256color",
  TZ: "UTC",
  CLAUDE_CONFIG_DIR: usage.configDir,
  WATCH_NOW: String(WATCH_NOW),
});

/** Starts it; the first screen is there when this returns. */
export async function startWatch(
  folder: TempFolder,
  usage: WatchedUsage,
  { cols = 80, rows = 24, args = [], env = {} }: WatchRunOptions = {},
): Promise<TerminalRun> {
  const run = new TerminalRun([...watchCommand(usage), ...args], {
    cols,
    rows,
    env: { ...watchEnv(folder, usage), ...env },
  });
  await run.until((screen) => screen.includes("read 0s ago"), "its first figures");
  return run;
}
