/** What was found since the last commit, and the one transaction that stores all of it. */
import type { NewUsageMessage, RecordOutcome } from "../store/usage-messages.ts";
import type { SourceProgress } from "../store/usage-sources.ts";
import { type Forgotten, readForgotten } from "../store/usage-forgotten.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type {
  EventRecord,
  Found,
  LimitRecord,
  MessageRecord,
  TranscriptFile,
  UsageRecord,
} from "./ingester.ts";
import { storeLimitSamples } from "./limit-samples.ts";
import { learnPrices, type NewModel } from "./price-catalogue.ts";
import { type ReadMoment, SessionSnapshots } from "./session-snapshots.ts";

interface Pending {
  readonly record: UsageRecord;
  readonly offset: number;
  readonly path: string;
  /** Epoch milliseconds: when the file was made. */
  readonly bornAtMs: number;
}

export class UsageBatch {
  readonly #store: UsageStore;
  readonly #agent: string;
  #found: Pending[] = [];
  #progress: { readonly path: string; readonly progress: SourceProgress }[] = [];
  readonly #snapshots: SessionSnapshots;
  readonly #sessions = new Set<string>();
  #messages: RecordOutcome = { inserted: 0, updated: 0, unchanged: 0, replays: 0 };
  #events = 0;
  #limitSamples = 0;
  #forgotten = 0;

  constructor(
    store: UsageStore,
    { agent, readMoment }: { readonly agent: string; readonly readMoment: ReadMoment },
  ) {
    this.#store = store;
    this.#agent = agent;
    this.#snapshots = new SessionSnapshots(store, { agent, readMoment });
  }

  get size(): number {
    return this.#found.length;
  }

  /** Sums over everything committed so far. */
  get totals(): {
    readonly messages: RecordOutcome;
    readonly events: number;
    readonly limitSamples: number;
    readonly sessionsChanged: number;
    readonly snapshots: number;
    readonly forgotten: number;
  } {
    return {
      messages: this.#messages,
      events: this.#events,
      limitSamples: this.#limitSamples,
      sessionsChanged: this.#sessions.size,
      snapshots: this.#snapshots.count,
      forgotten: this.#forgotten,
    };
  }

  add({ records, offset }: Found, { path, bornAtMs }: TranscriptFile): void {
    for (const record of records) this.#found.push({ record, offset, path, bornAtMs });
  }

  /** Notes how far a file has been read; stored with what was found in it. */
  setProgress(path: string, progress: SourceProgress): void {
    this.#progress.push({ path, progress });
  }

  /**
   * Commits sessions, messages, hours, events, snapshots and file offsets together: after a kill, what is stored
   * and what is remembered as read are the same.
   * @param isLast nothing more follows in this sync, so that its snapshots are to be complete.
   */
  flush({ isLast = false }: { readonly isLast?: boolean } = {}): void {
    const [all, progress] = [this.#found, this.#progress];
    const isNothing = all.length === 0 && progress.length === 0;
    if (isNothing && !(isLast && this.#snapshots.count > 0)) return;
    this.#found = [];
    this.#progress = [];
    learnPrices(this.#store, modelsOf(all, this.#agent));
    const sessions = new Set<string>();
    this.#store.connection.transaction(() => {
      const forgotten = readForgotten(this.#store.connection);
      const found = forgotten === null ? all : all.filter(({ record }) => !forgotten.has(record));
      this.#forgotten += all.length - found.length;
      for (const { record } of found) sessions.add(record.sessionId);
      const idOf = this.#sourceIds();
      this.#upsertSessions(found);
      const messages: NewUsageMessage[] = [];
      const limits: LimitRecord[] = [];
      for (const { record, offset, path } of found) {
        if (record.kind === "message")
          messages.push(rowOf(record, this.#agent, idOf(path), offset));
        else if (record.kind === "event") this.#storeEvent(record);
        else limits.push(record);
      }
      const { outcome, movedFrom } = this.#store.messages.recordMoving(messages);
      this.#messages = addOutcomes(this.#messages, outcome);
      for (const session of movedFrom) sessions.add(session);
      this.#limitSamples += storeLimitSamples(this.#store, this.#agent, limits);
      this.#snapshots.write(sessions, { isLast });
      for (const { path, progress: reached } of progress)
        if (!isForgottenSource(forgotten, path))
          this.#store.sources.setProgress(idOf(path), reached);
    }, "store usage");
    for (const session of sessions) this.#sessions.add(session);
  }

  #sourceIds(): (path: string) => number {
    const ids = new Map<string, number>();
    return (path) => {
      const id = ids.get(path) ?? this.#store.sources.ensure(this.#agent, path);
      ids.set(path, id);
      return id;
    };
  }

  #upsertSessions(found: readonly Pending[]): void {
    const spans = new Map<string, { project: string; first: number; last: number; born: number }>();
    for (const { record, bornAtMs } of found) {
      const { sessionId, project, timestamp } = record;
      const span = spans.get(sessionId);
      if (span === undefined) {
        const born = fileTime(bornAtMs);
        spans.set(sessionId, { project, first: timestamp, last: timestamp, born });
      } else {
        span.born = Math.min(span.born, fileTime(bornAtMs));
        span.first = Math.min(span.first, timestamp);
        span.last = Math.max(span.last, timestamp);
      }
    }
    for (const [session_id, { project, first, last, born }] of spans) {
      this.#store.sessions.upsert({
        session_id,
        agent: this.#agent,
        project,
        started_at: first,
        last_seen_at: last,
        born_at: born,
      });
    }
  }

  #storeEvent(event: EventRecord): void {
    const isNew = this.#store.events.insert({
      source_app: this.#agent,
      session_id: event.sessionId,
      hook_event_type: event.eventType,
      payload: event.payload,
      timestamp: event.timestamp,
      dedupe_key: event.dedupeKey,
    });
    if (isNew) this.#events++;
  }
}

/** Its very path would tell of what was forgotten. */
const isForgottenSource = (forgotten: Forgotten | null, path: string): boolean =>
  forgotten?.hasSource(path) === true;

/** In whole milliseconds, and not before 1970. */
const fileTime = (ms: number): number => Math.max(0, Math.round(ms));

/** Each model once; a synthetic message has none. */
function modelsOf(found: readonly Pending[], agent: string): NewModel[] {
  const models = new Set(
    found.flatMap(({ record }) => (record.kind === "message" ? [record.model] : [])),
  );
  return [...models].map((model) => ({ model, agent }));
}

function rowOf(
  record: MessageRecord,
  agent: string,
  sourceId: number,
  offset: number,
): NewUsageMessage {
  return {
    agent,
    message_id: record.messageId,
    request_id: record.requestId,
    session_id: record.sessionId,
    project: record.project,
    model: record.model,
    timestamp: record.timestamp,
    is_sidechain: record.isSidechain ? 1 : 0,
    input_tokens: record.inputTokens,
    output_tokens: record.outputTokens,
    cache_write_5m_tokens: record.cacheWrite5mTokens,
    cache_write_1h_tokens: record.cacheWrite1hTokens,
    cache_read_tokens: record.cacheReadTokens,
    reported_cost_usd: record.reportedCostUsd,
    source_id: sourceId,
    source_offset: offset,
  };
}

function addOutcomes(left: RecordOutcome, right: RecordOutcome): RecordOutcome {
  return {
    inserted: left.inserted + right.inserted,
    updated: left.updated + right.updated,
    unchanged: left.unchanged + right.unchanged,
    replays: left.replays + right.replays,
  };
}
