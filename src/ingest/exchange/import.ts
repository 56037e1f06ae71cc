/** What another machine's database knows, brought into this one: any order, any number of times, the same totals. */
import { MAX_TIMESTAMP_MS } from "../../store/checks.ts";
import type { RecordOutcome } from "../../store/usage-messages.ts";
import { readForgotten, type Rememberable } from "../../store/usage-forgotten.ts";
import type { UsageStore } from "../../store/usage-store.ts";
import { learnPrices } from "../price-catalogue.ts";
import { type ChangeRow, checkChangeFile, type FoldedCounts, readChanges } from "./change-file.ts";
import type { EventRow, MessageRow, SessionRow } from "./rows.ts";

export interface ImportOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops after the running batch; what was brought in stays, and running it again goes on. */
  readonly signal?: AbortSignal;
}

export interface ImportReport {
  /** The machine that wrote the file. */
  readonly host: string;
  readonly messages: RecordOutcome;
  readonly events: { readonly inserted: number; readonly known: number };
  readonly sessions: number;
  /** Rows of what was forgotten here; they were passed over. */
  readonly forgotten: number;
  /** What the other machine has as sums only, and the file therefore lacks; null where the file does not say. */
  readonly folded: FoldedCounts | null;
}

/** Rows a transaction: few enough to keep the write lock short. */
const BATCH_ROWS = 5000;

/**
 * Brings a change file in, after it was read to its end and proved whole. Each batch is one transaction with its
 * hours; a kill leaves a part of the file brought in, and a second run the whole.
 * @throws {InputError} CHANGE_FILE_INVALID before anything is written.
 */
export async function importChanges(
  store: UsageStore,
  path: string,
  { onProgress, signal }: ImportOptions = {},
): Promise<ImportReport> {
  const { header, counts } = await checkChangeFile(path);
  const total = counts.sessions + counts.messages + counts.events;
  const run = new ImportRun(store);
  let batch: ChangeRow[] = [];
  let done = 0;
  const flush = async (): Promise<void> => {
    run.store(batch);
    done += batch.length;
    batch = [];
    onProgress?.(done, total);
    await Bun.sleep(0);
    signal?.throwIfAborted();
  };
  for await (const row of readChanges(path)) {
    batch.push(row);
    if (batch.length >= BATCH_ROWS) await flush();
  }
  await flush();
  return { host: header.host, ...run.report, folded: header.folded ?? null };
}

class ImportRun {
  readonly #store: UsageStore;
  readonly #own: string;
  readonly #messages = { inserted: 0, updated: 0, unchanged: 0, replays: 0 };
  readonly #events = { inserted: 0, known: 0 };
  #sessions = 0;
  #forgotten = 0;

  constructor(store: UsageStore) {
    this.#store = store;
    this.#own = store.host();
  }

  get report(): Omit<ImportReport, "host" | "folded"> {
    return {
      messages: this.#messages,
      events: this.#events,
      sessions: this.#sessions,
      forgotten: this.#forgotten,
    };
  }

  store(rows: readonly ChangeRow[]): void {
    this.#store.connection.transaction(() => {
      const kept = this.#withoutForgotten(rows);
      const sessions = kept.flatMap((row) => ("session" in row ? [row.session] : []));
      const messages = kept.flatMap((row) => ("message" in row ? [row.message] : []));
      const events = kept.flatMap((row) => ("event" in row ? [row.event] : []));
      for (const session of sessions) this.#addSession(session);
      learnPrices(this.#store, messages);
      const outcome = this.#store.messages.record(messages.map((row) => this.#messageOf(row)));
      for (const name of ["inserted", "updated", "unchanged", "replays"] as const)
        this.#messages[name] += outcome[name];
      for (const event of events) this.#addEvent(event);
    }, "import changes");
  }

  #withoutForgotten(rows: readonly ChangeRow[]): readonly ChangeRow[] {
    const forgotten = readForgotten(this.#store.connection);
    if (forgotten === null) return rows;
    const kept = rows.filter((row) => !forgotten.has(factsOf(row)));
    this.#forgotten += rows.length - kept.length;
    return kept;
  }

  #addSession(session: SessionRow): void {
    this.#store.sessions.upsert(session);
    this.#sessions++;
  }

  #messageOf({
    host,
    ...row
  }: MessageRow): Parameters<UsageStore["messages"]["record"]>[0][number] {
    return { ...row, host: host === this.#own ? null : host, source_id: null, source_offset: null };
  }

  #addEvent(event: EventRow): void {
    if (this.#store.events.insert(event)) this.#events.inserted++;
    else this.#events.known++;
  }
}

function factsOf(row: ChangeRow): Rememberable {
  if ("message" in row) {
    const { session_id: sessionId, project, timestamp } = row.message;
    return { sessionId, project, timestamp };
  }
  if ("event" in row) {
    const { session_id: sessionId, timestamp } = row.event;
    return { sessionId, project: null, timestamp };
  }
  const { session_id: sessionId, project, last_seen_at } = row.session;
  return { sessionId, project, timestamp: last_seen_at ?? MAX_TIMESTAMP_MS };
}
