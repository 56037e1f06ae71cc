/** The product's database for programs whose whole life is a few milliseconds. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { openReady, type ReadyOptions } from "../engine/sqlite/open-ready.ts";
import { head } from "./own-head.ts";

/** Opens a usage database that is up to date; null when there is none, or anything at all is unusual. */
export function openReadyDatabase(
  path: string,
  busyTimeoutMs: number,
  options: ReadyOptions = {},
): Connection | null {
  return openReady(
    path,
    { stamp: () => ({ value: head.stamp, isSettled: true }) },
    { ...options, busyTimeoutMs },
  );
}
