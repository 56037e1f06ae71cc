/** What a proof works on, and how far it goes. */
import type { MigrationSource } from "../../source.ts";
import type { CrashJob } from "./crash.ts";
import type { ProofEvent } from "./report.ts";

export interface ProveOptions {
  readonly source: MigrationSource;
  /** An existing folder; a temporary one is made in it and removed at the end. */
  readonly scratch: string;
  /** Every random choice follows from it. A whole number from 0 to 4,294,967,295. */
  readonly seed: number;
  /** How many rows a table is filled with, where its constraints allow so many. 20 when left out. */
  readonly rows?: number;
  /** Written by the migrations' own program beside the ledger; see `SqliteDriverOptions`. */
  readonly applicationId?: number;
  /**
   * The command line of a program that brings the file at a path to the newest version, prints the
   * `MigrationReport` as JSON and exits 0. Concurrent starts and kills are not tested without it.
   */
  readonly starter?: (databasePath: string) => readonly string[];
  /** The command line of a process that calls `crashAt` with these; no process is killed at a statement without it. */
  readonly crasher?: (job: CrashJob, killAt: number) => readonly string[];
  /**
   * How many times a migrating process is killed at a random moment; 0 when left out. Any other number also kills one at
   * every statement; otherwise a process is killed at 16 of them.
   */
  readonly killRounds?: number;
  /** Statements to cut a step off before, at most; 500 when left out, and all of them with `killRounds`. */
  readonly maxKillPoints?: number;
  /** Pairs of versions are taken until their steps are this many; null takes all, 1,400 when left out. */
  readonly maxPairSteps?: number | null;
  /** Stops the proof at the next version or topic. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ProofEvent) => void;
}
