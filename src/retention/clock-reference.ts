/** What the clock showed when maintenance ran last: what it is held against by processes that start later. */
import { readFileSync } from "node:fs";
import type { UsageStore } from "../store/usage-store.ts";

export interface ClockReference {
  /** The machine's name for the time since it was started; '' where it has none. */
  readonly bootId: string;
  readonly uptimeMs: number;
  readonly wallAt: number;
  /** Time that passed while the machine was off, says the clock alone. */
  readonly unprovedMs: number;
  /** Epoch milliseconds: since when that is so. */
  readonly unprovedSince: number;
}

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";

/** Linux names each start of the machine; elsewhere nothing says whether it was started anew. */
export function systemBootId(): string {
  try {
    return readFileSync(BOOT_ID_FILE, "utf8").trim();
  } catch {
    // Not Linux, or a container without /proc.
    return "";
  }
}

export function readClockReference({ connection }: UsageStore): ClockReference | null {
  const [row] = connection
    .prepare(
      "SELECT boot_id, uptime_ms, wall_at, unproved_ms, unproved_since FROM clock_references WHERE id = 1",
      "read the clock's reference",
    )
    .values();
  if (row === undefined) return null;
  const [bootId, uptimeMs, wallAt, unprovedMs, unprovedSince] = row;
  return {
    bootId: String(bootId),
    uptimeMs: Number(uptimeMs),
    wallAt: Number(wallAt),
    unprovedMs: Number(unprovedMs),
    unprovedSince: Number(unprovedSince),
  };
}

export function writeClockReference({ connection }: UsageStore, reference: ClockReference): void {
  connection
    .prepare(
      `INSERT INTO clock_references (id, boot_id, uptime_ms, wall_at, unproved_ms, unproved_since)
       VALUES (1, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET boot_id = excluded.boot_id, uptime_ms = excluded.uptime_ms,
         wall_at = excluded.wall_at, unproved_ms = excluded.unproved_ms, unproved_since = excluded.unproved_since`,
      "write the clock's reference",
    )
    .run(
      reference.bootId,
      Math.max(0, Math.round(reference.uptimeMs)),
      reference.wallAt,
      Math.round(reference.unprovedMs),
      reference.unprovedSince,
    );
}
