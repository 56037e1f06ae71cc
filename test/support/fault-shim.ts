/** Processes whose Nth call that writes, flushes, truncates, makes, renames or unlinks a file fails, or is their last. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TempFolder } from "./temp-folder.ts";

/** Why there are none here, null when there are. */
export const NO_FAULT_SHIM =
  process.platform !== "linux"
    ? "LD_PRELOAD is Linux's"
    : (Bun.which("cc") ?? Bun.which("gcc") ?? Bun.which("clang")) === null
      ? "no C compiler here"
      : null;

export const FAULT_MODES = ["kill", "eio", "enospc", "short", "torn", "full"] as const;
export type FaultMode = (typeof FAULT_MODES)[number];

export const CALL_KINDS = [
  "write",
  "sync",
  "truncate",
  "unlink",
  "rename",
  "link",
  "create",
  "mkdir",
] as const;
export type CallKind = (typeof CALL_KINDS)[number];

export interface FaultCall {
  readonly kind: CallKind;
  readonly size: number;
  readonly path: string;
}

/** The variables that the shim reads. */
export interface FaultOrders {
  readonly under: string;
  readonly at?: number;
  readonly mode?: FaultMode;
  readonly list?: string;
  readonly log?: string;
}

/** Compiles the shim into a folder; returns its path. */
export async function compileShim(folder: TempFolder): Promise<string> {
  const shim = folder.at("fault-shim.so");
  const compiler = Bun.which("cc") ?? Bun.which("gcc") ?? "clang";
  const source = join(import.meta.dir, "fault-shim.c");
  const flags = ["-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"];
  const build = Bun.spawn([compiler, ...flags], { stdout: "ignore", stderr: "pipe" });
  if ((await build.exited) !== 0) throw new Error(await build.stderr.text());
  return shim;
}

/** The environment of a process that is to meet a fault. */
export function shimEnv(
  shim: string,
  { under, at, mode, list, log }: FaultOrders,
): Record<string, string> {
  return {
    LD_PRELOAD: shim,
    FAULT_UNDER: under,
    ...(at === undefined ? {} : { FAULT_AT: String(at) }),
    ...(mode === undefined ? {} : { FAULT_MODE: mode }),
    ...(list === undefined ? {} : { FAULT_LIST: list }),
    ...(log === undefined ? {} : { FAULT_LOG: log }),
  };
}

/** What a run wrote into its FAULT_LIST; the file is removed. */
export function readCalls(path: string): FaultCall[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  rmSync(path);
  return lines.map((line) => {
    const [kind = "", size = "0", ...name] = line.split(" ");
    return { kind: kind as CallKind, size: Number(size), path: name.join(" ") };
  });
}

const NEEDS_ROOM: readonly CallKind[] = ["write", "truncate", "create", "mkdir", "link"];

/** Whether a mode means anything to a call; `full` begins where room is needed. */
export function isMeant(mode: FaultMode, { kind, size }: FaultCall): boolean {
  if (mode === "short" || mode === "torn") return kind === "write" && size > 1;
  if (mode === "full" || mode === "enospc") return NEEDS_ROOM.includes(kind) || kind === "rename";
  return true;
}
