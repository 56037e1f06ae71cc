/** Events in the JSON that observability clients read and write. */
import type { HookEvent } from "../ingest/hooks/hook-event.ts";
import type { EventStore, UsageEvent } from "../store/events.ts";

/** What is missing is left out, as those clients expect. */
export interface ClientEvent {
  /** Missing in the answer to a POST: the event is stored a moment later. */
  readonly id?: number;
  readonly source_app: string;
  readonly session_id: string;
  readonly hook_event_type: string;
  readonly payload: unknown;
  readonly chat?: unknown;
  readonly summary?: string;
  readonly model_name?: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
}

export interface FilterOptions {
  readonly source_apps: readonly string[];
  readonly session_ids: readonly string[];
  readonly hook_event_types: readonly string[];
}

const MAX_SESSIONS = 300;
const MAX_NAMES = 1000;

export function storedEvent(event: UsageEvent): ClientEvent {
  const { id, source_app, session_id, hook_event_type, timestamp, chat, summary, model_name } =
    event;
  return {
    id,
    source_app,
    session_id,
    hook_event_type,
    payload: JSON.parse(event.payload) as unknown,
    ...(chat === null ? {} : { chat: JSON.parse(chat) as unknown }),
    ...(summary === null ? {} : { summary }),
    ...(model_name === null ? {} : { model_name }),
    timestamp,
  };
}

export function acceptedEvent(event: HookEvent): ClientEvent {
  const { source_app, session_id, hook_event_type, payload, chat, summary, model_name } = event;
  return {
    source_app,
    session_id,
    hook_event_type,
    payload,
    ...(chat === null ? {} : { chat }),
    ...(summary === null ? {} : { summary }),
    ...(model_name === null ? {} : { model_name }),
    timestamp: event.timestamp,
  };
}

/** The newest events, the newest last: a timeline is read downwards. */
export function recentEvents(events: EventStore, limit: number): ClientEvent[] {
  return events.recent(limit).toReversed().map(storedEvent);
}

/** What a client can filter by. */
export function filterOptions(events: EventStore): FilterOptions {
  return {
    source_apps: events.distinct("source_app", MAX_NAMES).toReversed(),
    session_ids: events.distinct("session_id", MAX_SESSIONS),
    hook_event_types: events.distinct("hook_event_type", MAX_NAMES).toReversed(),
  };
}
