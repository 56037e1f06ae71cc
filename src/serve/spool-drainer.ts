/** Brings the spool into the database in the background, between a server's answers. */
import { drainSpool } from "../ingest/hooks/drain-spool.ts";
import type { Spool } from "../ingest/hooks/spool.ts";
import type { EventSink } from "../ingest/hooks/store-hook-events.ts";

export interface DrainerOptions {
  readonly sink: EventSink;
  readonly spool: Spool;
  readonly now: () => number;
  /** Told once for each stretch of failures: the events wait in the spool. */
  readonly onFailure: (error: unknown) => void;
  /** Told after each batch that was committed. */
  readonly onStored: () => void;
}

export interface DrainCounts {
  stored: number;
  repeated: number;
  refused: number;
}

/** Events that come close together share a transaction. */
const DELAY_MS = 15;
const MAX_RETRY_MS = 1000;

export class SpoolDrainer {
  readonly #options: DrainerOptions;
  readonly counts: DrainCounts = { stored: 0, repeated: 0, refused: 0 };
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running: Promise<boolean> | null = null;
  #failures = 0;
  #isClosed = false;

  constructor(options: DrainerOptions) {
    this.#options = options;
  }

  /** Says that something was spooled; it is brought in soon. */
  wake(): void {
    if (this.#timer !== null || this.#isClosed) return;
    // After failures the next look is taken later and later, and never by two servers at the same moment.
    const retryMs = Math.min(MAX_RETRY_MS, DELAY_MS * 2 ** this.#failures) * (0.5 + Math.random());
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        void this.drain();
      },
      this.#failures === 0 ? DELAY_MS : retryMs,
    );
  }

  /** Brings in what is spooled now; false when the database does not take it. Calls at once share one run. */
  drain(): Promise<boolean> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Tries for a while, then leaves the rest to whoever opens the database next. */
  async close(patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!(await this.drain()) && performance.now() < deadline) await Bun.sleep(DELAY_MS);
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #run(): Promise<boolean> {
    const { sink, spool, now, onFailure, onStored } = this.#options;
    const before = { ...this.counts };
    try {
      const steps = drainSpool(sink, spool, now());
      for (;;) {
        const { value, done } = steps.next();
        this.counts.stored = before.stored + value.stored;
        this.counts.repeated = before.repeated + value.repeated;
        this.counts.refused = before.refused + value.refused;
        if (done === true) break;
        onStored();
        // Requests that came meanwhile are answered first.
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.#failures = 0;
      return true;
    } catch (error) {
      if (this.#failures === 0) onFailure(error);
      this.#failures++;
      this.wake();
      return false;
    }
  }
}
