/** Work that cannot pause between chunks, held to the time that its job has. */
import { UsageDbError } from "../errors.ts";
import type { JobResult } from "./job.ts";
import type { Pace } from "./pace.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs `work` with a signal that is aborted when the job is cancelled or its time is over; the second makes it
 * `partial`, and what it had made is gone.
 */
export async function withinTime(
  pace: Pace,
  work: (signal: AbortSignal) => Promise<JobResult>,
): Promise<JobResult> {
  const time = AbortSignal.timeout(Math.min(LONGEST_TIMER_MS, Math.ceil(pace.remainingMs)));
  try {
    return await work(pace.signal === undefined ? time : AbortSignal.any([pace.signal, time]));
  } catch (error) {
    const isOver = error instanceof UsageDbError && error.code === "CANCELLED" && time.aborted;
    if (!isOver || pace.signal?.aborted === true) throw error;
    return { outcome: "partial", rows: 0, bytes: 0, detail: { reason: "its time was over" } };
  }
}
