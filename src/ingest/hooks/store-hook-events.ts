/** Hook events into the store, each once. */
import type { EventStore } from "../../store/events.ts";
import type { SessionStore } from "../../store/sessions.ts";
import type { Connection } from "../../engine/sqlite/connection.ts";
import { type Forgotten, readForgotten } from "../../store/usage-forgotten.ts";
import type { HookEvent } from "./hook-event.ts";

/**
 * How long after an event the same words again are the same event again. Most hooks carry nothing that tells one
 * event from the next: two turns that ended alike are told apart by the time between them only, and a hook that is
 * delivered twice comes twice within moments.
 */
export const REPEAT_WINDOW_MS = 60_000;

/** The stores that an event needs; a whole `UsageStore` is one. */
export interface EventSink {
  readonly connection: Connection;
  readonly events: EventStore;
  readonly sessions: SessionStore;
}

/** Stores events in one transaction, each unless it is there already or forgotten; returns how many were new. */
export function storeHookEvents(sink: EventSink, events: readonly HookEvent[]): number {
  return sink.connection.transaction(() => {
    const forgotten = readForgotten(sink.connection);
    let stored = 0;
    for (const event of events)
      if (!isForgotten(forgotten, event) && storeHookEvent(sink, event)) stored++;
    return stored;
  }, "store hook events");
}

function storeHookEvent({ events, sessions }: EventSink, event: HookEvent): boolean {
  const { shape: _, fingerprint, isNamed, ...columns } = event;
  const { session_id, timestamp } = event;
  const row = { ...columns, dedupe_key: `hook:${fingerprint}` };
  const isNew = isNamed ? events.insert(row) : events.insertUnlessRepeated(row, REPEAT_WINDOW_MS);
  if (isNew) sessions.upsert({ session_id, started_at: timestamp, last_seen_at: timestamp });
  return isNew;
}

function isForgotten(forgotten: Forgotten | null, event: HookEvent): boolean {
  if (forgotten === null) return false;
  const { session_id: sessionId, timestamp, payload } = event;
  const { cwd } = payload;
  return forgotten.has({ sessionId, timestamp, project: typeof cwd === "string" ? cwd : null });
}
