/** The five-hour block that may still grow, found without reading more of the history than it hangs on. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { HOUR_MS } from "../store/token-counts.ts";

const BLOCK_MS = 5 * HOUR_MS;
const FIRST_STEP_MS = 24 * HOUR_MS;
/** Nobody works for so long without a pause; who does is told nothing rather than a guess. */
const MAX_RUN_MS = 60 * 24 * HOUR_MS;

interface Hour {
  readonly hour: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/**
 * When the block of an agent that is active at `nowMs` ends; null when none is. The blocks are those of
 * `reportBlocks`: after more than five hours without a message the next one begins a block whatever was before, so
 * only what followed the last such pause is read. Null too when there was none in 60 days.
 */
export function activeBlockEnd(
  connection: Connection,
  agent: string,
  nowMs: number,
): number | null {
  let startMs: number | null = null;
  let lastAt = 0;
  for (const hour of hoursSincePause(connection, agent, nowMs) ?? []) {
    const isBeyond =
      startMs === null || hour.firstAt - startMs > BLOCK_MS || hour.firstAt - lastAt > BLOCK_MS;
    // A message at the very end of a block belongs to it, and those after it in that hour begin the next.
    const isCut = startMs !== null && hour.hour - startMs === BLOCK_MS && hour.lastAt > hour.hour;
    if (isBeyond || isCut) startMs = hour.hour;
    lastAt = hour.lastAt;
  }
  if (startMs === null || nowMs - lastAt >= BLOCK_MS || nowMs >= startMs + BLOCK_MS) return null;
  return startMs + BLOCK_MS;
}

/** Hours with usage since the last pause of more than five hours, ascending; null when that is too long ago. */
function hoursSincePause(connection: Connection, agent: string, nowMs: number): Hour[] | null {
  const found: Hour[] = [];
  let toMs = nowMs + 1;
  for (let stepMs = FIRST_STEP_MS; nowMs - toMs < MAX_RUN_MS; stepMs *= 4) {
    const fromMs = toMs - stepMs;
    for (const hour of readHours(connection, agent, fromMs, toMs).toReversed()) {
      const after = found.at(-1);
      if (after !== undefined && after.firstAt - hour.lastAt > BLOCK_MS) return found.toReversed();
      found.push(hour);
    }
    // What is further back than any message of the pause could be is of no matter.
    const earliest = found.at(-1)?.firstAt ?? nowMs;
    if (earliest - fromMs > BLOCK_MS + HOUR_MS) return found.toReversed();
    toMs = fromMs;
  }
  return null;
}

function readHours(connection: Connection, agent: string, fromMs: number, toMs: number): Hour[] {
  return connection
    .prepare(
      `SELECT hour, min(coalesce(first_at, hour)), max(coalesce(last_at, hour))
       FROM usage_rollups
       WHERE hour >= ? AND hour < ? AND agent = ?
       GROUP BY hour
       ORDER BY hour`,
      "read rollups",
    )
    .values(fromMs, toMs, agent)
    .map(([hour, firstAt, lastAt]) => ({
      hour: Number(hour),
      firstAt: Number(firstAt),
      lastAt: Number(lastAt),
    }));
}
