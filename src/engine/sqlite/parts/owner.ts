/** Which process works on a step in parts, and whether it is still there. */
import { hostname } from "node:os";
import { kill, pid as ownPid } from "node:process";
import type { Progress } from "../progress.ts";

/** A part takes milliseconds, its pause as long: whoever says nothing for this long is gone, or holds the lock. */
const SILENCE_MS = 30_000;

/** Different for every connection, also within one process. */
export function newOwner(): string {
  return `${ownPid} ${hostname()} ${Math.random().toString(36).slice(2)}`;
}

/** The process of an owner, for people. */
export function pidOf(owner: string): number {
  return Number(owner.split(" ", 1)[0]);
}

/**
 * True when another process goes on with the step. Only politeness depends on it: two at once would do each row
 * once all the same, as each reads the position inside its lock.
 */
export function isElsewhere({ owner, updatedAt, state }: Progress, self: string): boolean {
  if (owner === self || state === "failed") return false;
  // Also of a clock that was set back.
  if (Math.abs(Date.now() - updatedAt) > SILENCE_MS) return false;
  const [, host] = owner.split(" ");
  if (host !== hostname()) return true;
  // Another connection of this process would wait for itself.
  return pidOf(owner) !== ownPid && isAlive(pidOf(owner));
}

function isAlive(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
