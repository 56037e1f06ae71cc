/** What the system's schedulers have in common: an entry that runs maintenance, put in and taken out. */
import type { Cadence } from "./cadence.ts";

export type SchedulerName = "systemd" | "crontab" | "launchd";

/** What is to run regularly, for one database. */
export interface ScheduledEntry {
  /** Tells the entries of several databases apart; of lower-case hexadecimal digits. */
  readonly id: string;
  readonly database: string;
  /** The program with its arguments; no word has a control character. */
  readonly argv: readonly string[];
  readonly cadence: Cadence;
}

/** An edit that was worked out and not yet made. */
export interface SchedulerChange {
  /** False when everything is that way already. */
  readonly isChanged: boolean;
  /** What would be written and run, for people. */
  readonly preview: string;
  /**
   * Makes the edit, and returns the copies of what was there.
   * @throws {OperationError} SCHEDULER_FAILED or SETTINGS_CHANGED.
   */
  apply(): readonly string[];
}

export interface Scheduler {
  readonly name: SchedulerName;
  /** What the user should know of it once it is set up; null when nothing. */
  readonly remark: string | null;
  isAvailable(): boolean;
  install(entry: ScheduledEntry): SchedulerChange;
  uninstall(id: string): SchedulerChange;
}
