/** The settings of the connection that a run changes, and gives back as they were. */
import { UsageDbError } from "../../errors.ts";
import type { Connection } from "./connection.ts";

/**
 * Pages of WAL between checkpoints while a run goes on. At SQLite's own 1,000, two hundred small migrations wait
 * for the disk once or twice in their midst; what is left over is checkpointed when the connection closes.
 */
const RUN_AUTOCHECKPOINT_PAGES = 4000;

export class RunSettings {
  readonly #connection: Connection;
  /** As they were before; null between runs. */
  #before: { readonly foreignKeys: number; readonly autocheckpoint: number } | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get isInForce(): boolean {
    return this.#before !== null;
  }

  /**
   * Switches foreign keys off: inside a transaction the pragma does nothing, and with them on a table rebuild deletes
   * every child row by cascade.
   * @throws {UsageDbError} PRAGMA_REFUSED inside a transaction.
   */
  start(): void {
    const before = {
      foreignKeys: this.#numberOf("foreign_keys"),
      autocheckpoint: this.#numberOf("wal_autocheckpoint"),
    };
    this.#before = before;
    this.resume(0);
  }

  /** Does nothing between runs. */
  end(): void {
    if (this.#before === null) return;
    this.pause();
    this.#before = null;
  }

  /** Has everything as it was before the run, for a pause in its midst. */
  pause(): void {
    if (this.#before === null) return;
    this.setForeignKeys(this.#before.foreignKeys);
    this.#connection.runOnce(`PRAGMA wal_autocheckpoint = ${this.#before.autocheckpoint}`);
  }

  /** @param foreignKeys 1 for work that changes rows only. */
  resume(foreignKeys: 0 | 1): void {
    this.setForeignKeys(foreignKeys);
    // 0 is somebody's decision to checkpoint on their own.
    if ((this.#before?.autocheckpoint ?? 0) > 0)
      this.#connection.runOnce(`PRAGMA wal_autocheckpoint = ${RUN_AUTOCHECKPOINT_PAGES}`);
  }

  setForeignKeys(value: number): void {
    this.#connection.runOnce(`PRAGMA foreign_keys = ${value}`);
    const observed = this.#numberOf("foreign_keys");
    if (observed === value) return;
    throw new UsageDbError(
      "PRAGMA_REFUSED",
      `Cannot migrate ${this.#connection.path}: foreign_keys is ${String(observed)}, expected ${value}`,
      { details: { pragma: "foreign_keys", observed: String(observed), expected: value } },
    );
  }

  /** Runs `work` without a checkpoint after it, for a write that is not worth a wait for the disk. */
  withoutCheckpoint(work: () => void): void {
    const autocheckpoint = this.#numberOf("wal_autocheckpoint");
    this.#connection.runOnce("PRAGMA wal_autocheckpoint = 0");
    try {
      work();
    } finally {
      this.#connection.runOnce(`PRAGMA wal_autocheckpoint = ${autocheckpoint}`);
    }
  }

  #numberOf(pragma: string): number {
    return Number(this.#connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
  }
}
