/**
 * When the local day begins and ends, noted beside the database. Asking the time zone data for the first time costs
 * a process five milliseconds, which a status line that is drawn after every message has not got.
 */
import { readFileSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import type { LocalDay } from "../report/local-days.ts";

export interface DaySetting {
  /** An IANA zone, or `auto` for the machine's. */
  readonly timeZone: string;
  readonly resetHour: number;
}

interface DayNote {
  /** What the note was made for: the settings, and whatever tells the machine's zone. */
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
}

export function dayNotePath(database: string): string {
  return `${database}-today`;
}

/** The local day of a moment, from the note while it holds, else worked out and noted. */
export function notedDay(
  database: string,
  now: number,
  setting: DaySetting,
  env: Readonly<Record<string, string | undefined>>,
): Pick<LocalDay, "startMs" | "endMs"> {
  const path = dayNotePath(database);
  const { timeZone, resetHour } = setting;
  const machine = timeZone === "auto" ? `${env["TZ"] ?? ""}|${localtimeTarget()}` : "";
  const key = `${timeZone}|${resetHour}|${machine}`;
  const note = readNote(path);
  if (note?.key === key && now >= note.startMs && now < note.endMs) return note;
  const { dayOf } = require("../report/local-days.ts") as typeof import("../report/local-days.ts");
  const zone = timeZone === "auto" ? Temporal.Now.timeZoneId() : timeZone;
  const { startMs, endMs } = dayOf(now, { timeZone: zone, resetHour });
  writeNote(path, { key, startMs, endMs });
  return { startMs, endMs };
}

function localtimeTarget(): string {
  try {
    return readlinkSync("/etc/localtime");
  } catch (error) {
    if (isFileError(error)) return "";
    throw error;
  }
}

function readNote(path: string): DayNote | null {
  try {
    const note = JSON.parse(readFileSync(path, "utf8")) as Partial<DayNote> | null;
    const isWhole =
      typeof note?.key === "string" &&
      typeof note.startMs === "number" &&
      typeof note.endMs === "number";
    return isWhole ? (note as DayNote) : null;
  } catch (error) {
    if (isFileError(error) || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Left out where it cannot be written: it saves time and nothing else. */
function writeNote(path: string, note: DayNote): void {
  try {
    const draft = `${path}.${process.pid}`;
    // Exclusive creation follows no planted link; the rename replaces one.
    writeFileSync(draft, JSON.stringify(note), { flag: "wx", mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    if (!isFileError(error)) throw error;
  }
}

const isFileError = (error: unknown): boolean => error instanceof Error && "syscall" in error;
