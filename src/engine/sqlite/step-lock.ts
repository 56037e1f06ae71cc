/** The write lock around one step: waited for, told of while it is waited for, and named while it is held. */
import { OperationError } from "../../errors.ts";
import type { LockHolder, StepContext } from "../driver.ts";
import type { Connection } from "./connection.ts";
import { LockNoteWriter } from "./lock-note.ts";

/** How long a step waits for the lock before it says so. */
const NOTICE_MS = 250;

export class StepLock {
  readonly #connection: Connection;
  readonly #note: LockNoteWriter;
  /** The connection's own time-out; null between runs. */
  #before: number | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#note = new LockNoteWriter(connection.path);
  }

  /** Before the first step of a run. */
  start(): void {
    this.#before = Number(this.#connection.readOnce("PRAGMA busy_timeout")[0]?.[0] ?? 0);
    this.resume();
  }

  /** After the last one, whatever became of it; does nothing between runs. */
  end(): void {
    if (this.#before === null) return;
    this.#note.end();
    this.pause();
    this.#before = null;
  }

  /** Has the connection wait as its owner wants it, for a pause in the midst of a run. */
  pause(): void {
    this.#setTimeout(this.#timeoutMs);
  }

  resume(): void {
    if (this.#timeoutMs > NOTICE_MS) this.#setTimeout(NOTICE_MS);
  }

  /**
   * Runs `work` in a transaction. A lock that is not free after a moment is told of, with its holder, before the
   * rest of the time-out is waited.
   * @throws {OperationError} DATABASE_BUSY naming the holder.
   */
  hold<T>(action: string, { actor, onWaiting }: StepContext, work: () => T): T {
    let hasBegun = false;
    const attempt = (): T =>
      this.#connection.transaction(() => {
        hasBegun = true;
        this.#note.write({ actor, since: Date.now(), step: action });
        return work();
      }, action);
    const isLockBusy = (error: unknown): error is OperationError =>
      !hasBegun && error instanceof OperationError && error.code === "DATABASE_BUSY";
    try {
      return attempt();
    } catch (error) {
      if (!isLockBusy(error)) throw error;
      if (this.#timeoutMs <= NOTICE_MS) throw this.#busyError(action, error);
    }
    onWaiting?.(this.#holder());
    this.#setTimeout(this.#timeoutMs - NOTICE_MS);
    try {
      return attempt();
    } catch (error) {
      if (!isLockBusy(error)) throw error;
      throw this.#busyError(action, error);
    } finally {
      this.#setTimeout(NOTICE_MS);
    }
  }

  /** Runs what cannot stand in a transaction; SQLite itself waits for others, for the whole time-out. */
  withoutIt<T>(work: () => T): T {
    this.#setTimeout(this.#timeoutMs);
    try {
      return work();
    } finally {
      this.#setTimeout(Math.min(NOTICE_MS, this.#timeoutMs));
    }
  }

  get #timeoutMs(): number {
    return this.#before ?? 0;
  }

  #setTimeout(timeoutMs: number): void {
    this.#connection.runOnce(`PRAGMA busy_timeout = ${timeoutMs}`);
  }

  /** Not loaded with this module: almost nobody waits. */
  #holder(): LockHolder | null {
    const lock = require("./lock-holder.ts") as typeof import("./lock-holder.ts");
    return lock.readLockHolder(this.#connection.path);
  }

  #busyError(action: string, cause: OperationError): OperationError {
    const holder = this.#holder();
    const { describeHolder } = require("./lock-holder.ts") as typeof import("./lock-holder.ts");
    const { path } = this.#connection;
    return new OperationError(
      "DATABASE_BUSY",
      `Cannot ${action}: ${describeHolder(holder)} holds the write lock of ${path}, expected it to be free within ${this.#timeoutMs} ms`,
      { details: { ...cause.details, path, timeoutMs: this.#timeoutMs, holder }, cause },
    );
  }
}
