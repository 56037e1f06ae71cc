/**
 * The local day by the machine's own zone, asked of SQLite, which asks the C library. The program's own time zone data
 * take five milliseconds to load, which a status line has not got.
 */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { LocalDay } from "./local-days.ts";

/**
 * The day that a moment falls in; null where the clock is changed at one of its borders, so that the wall shows that
 * time twice or never: `dayOf` decides such a day.
 */
export function machineDay(
  connection: Connection,
  atMs: number,
  resetHour: number,
): Pick<LocalDay, "startMs" | "endMs"> | null {
  const shift = `-${resetHour} hours`;
  const back = `+${resetHour} hours`;
  const border = (name: string): string =>
    `CAST(strftime('%s', ${name}, 'utc') AS INTEGER) AS ${name}_s`;
  // Half an hour is the smallest change of a clock that there is.
  const isPlain = (name: string): string =>
    [0, -3600, -1800, 1800, 3600]
      .map((offset) => {
        const relation = offset === 0 ? "=" : "<>";
        return `datetime(${name}_s + ${offset}, 'unixepoch', 'localtime') ${relation} ${name}`;
      })
      .join(" AND ");
  const [row] = connection
    .prepare(
      `WITH
         now(wall) AS (SELECT datetime(?1, 'unixepoch', 'localtime', '${shift}', 'start of day', '${back}')),
         walls(first, last) AS (SELECT wall, datetime(wall, '+1 day') FROM now),
         borders AS (SELECT first, last, ${border("first")}, ${border("last")} FROM walls)
       SELECT first_s * 1000, last_s * 1000 FROM borders WHERE ${isPlain("first")} AND ${isPlain("last")}`,
      "ask for the day",
    )
    .values(Math.floor(atMs / 1000));
  const [startMs, endMs] = [Number(row?.[0] ?? 0), Number(row?.[1] ?? 0)];
  return atMs >= startMs && atMs < endMs ? { startMs, endMs } : null;
}
