/** The locks that processes hold on files, as the operating system tells them. */
import { readFileSync, statSync } from "node:fs";

export interface FileLock {
  readonly isWrite: boolean;
  /** 0 and below: a process of another container. */
  readonly pid: number;
  readonly inode: number;
  readonly firstByte: number;
  readonly lastByte: number;
}

/** `1: POSIX  ADVISORY  WRITE 4711 08:01:131 120 120`; a waiting process has an arrow before POSIX. */
const LOCK_LINE =
  /^\d+: (?:POSIX|OFDLCK)\s+\w+\s+(READ|WRITE)\s+(-?\d+)\s+\w+:\w+:(\d+)\s+(\d+)\s+(\d+|EOF)/;

/** Every lock that is held on this machine; null where the operating system does not tell. */
export function readFileLocks(): FileLock[] | null {
  const table = readText("/proc/locks");
  if (table === null) return null;
  return table.split("\n").flatMap((line) => {
    const found = LOCK_LINE.exec(line);
    if (found === null) return [];
    const [, kind, pid, inode, first, last] = found;
    return [
      {
        isWrite: kind === "WRITE",
        pid: Number(pid),
        inode: Number(inode),
        firstByte: Number(first),
        lastByte: last === "EOF" ? Infinity : Number(last),
      },
    ];
  });
}

export function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

const MAX_COMMAND_LENGTH = 120;

/** The command line of a process, cut where it is long; null where the operating system does not tell. */
export function commandOf(pid: number): string | null {
  const text =
    readText(`/proc/${pid}/cmdline`)
      ?.replaceAll(/[\0\s]+/g, " ")
      .trim() ?? "";
  if (text === "") return null;
  return text.length > MAX_COMMAND_LENGTH ? `${text.slice(0, MAX_COMMAND_LENGTH)}…` : text;
}

/** Epoch milliseconds at which a process was started; null where the operating system does not tell. */
export function startedAt(pid: number): number | null {
  // The owner of /proc/PID is the process, and its folder is as old as it is.
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.ctimeMs ?? null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return null;
    throw error;
  }
}
