/** The five-hour block that may still grow, found without reading more of the history than it hangs on. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { HOUR_MS } from "../store/token-counts.ts";

const BLOCK_MS = 5 * HOUR_MS;
const STEP_MS = 24 * HOUR_MS;

interface Hour {
  readonly hour: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/**
 * When the block of an agent that is active at `nowMs` ends; null when none is. The blocks are those of
 * `reportBlocks`: after more than five hours without a message the next one begins a block whatever was before, so
 * only what followed the last such pause is read.
 */
export function activeBlockEnd(
  connection: Connection,
  agent: string,
  nowMs: number,
): number | null {
  let startMs: number | null = null;
  let lastAt = 0;
  for (const hour of hoursSincePause(connection, agent, nowMs)) {
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

/** Hours with usage since the last pause of more than five hours, ascending. */
function hoursSincePause(connection: Connection, agent: string, nowMs: number): Hour[] {
  const found: Hour[] = [];
  for (let toMs = nowMs + 1; ; toMs -= STEP_MS) {
    const hours = readHours(connection, agent, toMs - STEP_MS, toMs);
    for (const hour of hours.toReversed()) {
      const after = found.at(-1);
      if (after !== undefined && after.firstAt - hour.lastAt > BLOCK_MS) return found.toReversed();
      found.push(hour);
    }
    // The next step would begin further back than any pause in it could matter.
    const earliest = found.at(-1);
    if (earliest === undefined || earliest.firstAt - (toMs - STEP_MS) > BLOCK_MS + HOUR_MS)
      return found.toReversed();
  }
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
