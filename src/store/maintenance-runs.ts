/** Which maintenance job ran when, with what outcome. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { checkInteger, checkKeys, checkNonEmpty } from "./checks.ts";

export interface MaintenanceRun {
  readonly id: number;
  readonly job: string;
  readonly started_at: number;
  /** Null while it runs, and for one that was interrupted: nobody knows when its process died. */
  readonly ended_at: number | null;
  /** partial: its time ran out, or others were in the way; interrupted: its process died. */
  readonly outcome: "running" | "done" | "partial" | "cancelled" | "failed" | "interrupted";
  readonly rows: number;
  readonly bytes: number;
  /** JSON. `idleRuns` and `idleSince` stand for runs before it that found nothing to do either. */
  readonly detail: string;
  /** The code and the message of what went wrong. */
  readonly error: string | null;
}

export const MAINTENANCE_RUN_COLUMNS = [
  "id",
  "job",
  "started_at",
  "ended_at",
  "outcome",
  "rows",
  "bytes",
  "detail",
  "error",
] as const satisfies readonly (keyof MaintenanceRun)[];

export interface MaintenanceRunFilter {
  readonly job?: string;
  /** 100 when left out. */
  readonly limit?: number;
}

export interface EndedRun {
  readonly outcome: "done" | "partial" | "cancelled" | "failed";
  readonly rows: number;
  readonly bytes: number;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly error: string | null;
}

const COLUMNS = MAINTENANCE_RUN_COLUMNS.join(", ");
const IS_IDLE = "outcome = 'done' AND rows = 0 AND bytes = 0";

export class MaintenanceRunStore {
  readonly #connection: Connection;
  readonly #now: () => number;

  constructor(connection: Connection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
  }

  /** Runs, newest first. @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN. */
  list(filter: MaintenanceRunFilter = {}): MaintenanceRun[] {
    checkKeys("maintenanceRuns.list", filter, ["job", "limit"]);
    const limit = checkInteger("limit", filter.limit ?? 100, 1, 1_000_000);
    if (filter.job === undefined) {
      return this.#connection
        .prepare<MaintenanceRun>(
          `SELECT ${COLUMNS} FROM maintenance_runs ORDER BY id DESC LIMIT ?`,
          "list maintenance runs",
        )
        .all(limit);
    }
    return this.#connection
      .prepare<MaintenanceRun>(
        `SELECT ${COLUMNS} FROM maintenance_runs WHERE job = ? ORDER BY started_at DESC, id DESC LIMIT ?`,
        "list maintenance runs",
      )
      .all(checkNonEmpty("job", filter.job), limit);
  }

  /** The newest run of a job, whatever became of it; null when it never ran. */
  lastOf(job: string): MaintenanceRun | null {
    return this.list({ job, limit: 1 })[0] ?? null;
  }

  /** The run that goes on now, as far as the table knows; the job lock knows better. */
  running(): MaintenanceRun | null {
    return this.#connection
      .prepare<MaintenanceRun>(
        `SELECT ${COLUMNS} FROM maintenance_runs WHERE outcome = 'running' ORDER BY id DESC LIMIT 1`,
        "read the running maintenance job",
      )
      .get();
  }

  /** Writes that a job begins, and returns the run's id. Only who holds the job lock may. */
  begin(job: string, detail: Readonly<Record<string, unknown>>): number {
    return Number(
      this.#connection
        .prepare(
          "INSERT INTO maintenance_runs (job, started_at, detail) VALUES (?, ?, ?)",
          "begin a maintenance run",
        )
        .run(checkNonEmpty("job", job), this.#now(), JSON.stringify(detail)).lastInsertRowid,
    );
  }

  /**
   * Writes how a run ended. One that found nothing to do takes the place of the run before it when that found
   * nothing either: a job that runs every minute leaves a row a change, not half a million a year.
   */
  end(id: number, { outcome, rows, bytes, detail, error }: EndedRun): void {
    const isIdle = outcome === "done" && rows === 0 && bytes === 0;
    this.#connection.transaction(() => {
      const idle = isIdle ? this.#takeIdle(id) : null;
      this.#connection
        .prepare(
          `UPDATE maintenance_runs SET ended_at = ?, outcome = ?, rows = ?, bytes = ?, detail = ?, error = ?
          WHERE id = ?`,
          "end a maintenance run",
        )
        .run(
          this.#now(),
          outcome,
          rows,
          bytes,
          JSON.stringify(idle === null ? detail : { ...detail, ...idle }),
          error,
          id,
        );
    }, "end a maintenance run");
  }

  /** Closes what dead processes left running, and returns how many that was. Only who holds the job lock may. */
  closeAbandoned(): number {
    if (this.running() === null) return 0;
    return this.#connection
      .prepare(
        "UPDATE maintenance_runs SET outcome = 'interrupted' WHERE outcome = 'running'",
        "close abandoned maintenance runs",
      )
      .run().changes;
  }

  /** Deletes the run before one when it found nothing to do, and returns what is to be kept of it. */
  #takeIdle(id: number): { readonly idleRuns: number; readonly idleSince: number } | null {
    const before = this.#connection
      .prepare<Pick<MaintenanceRun, "id" | "started_at" | "detail"> & { readonly isIdle: 0 | 1 }>(
        `SELECT id, started_at, detail, ${IS_IDLE} AS isIdle FROM maintenance_runs
        WHERE job = (SELECT job FROM maintenance_runs WHERE id = ?1) AND id <> ?1
        ORDER BY started_at DESC, id DESC LIMIT 1`,
        "end a maintenance run",
      )
      .get(id);
    if (before?.isIdle !== 1) return null;
    this.#connection
      .prepare("DELETE FROM maintenance_runs WHERE id = ?", "end a maintenance run")
      .run(before.id);
    const { idleRuns, idleSince } = (JSON.parse(before.detail) ?? {}) as Record<string, unknown>;
    return {
      idleRuns: (typeof idleRuns === "number" ? idleRuns : 0) + 1,
      idleSince: typeof idleSince === "number" ? idleSince : before.started_at,
    };
  }
}
