/** Events over WebSocket as they are stored, whoever stores them: `initial`, then `event` by `event`. */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { EventStore } from "../store/events.ts";
import { recentEvents, storedEvent } from "./client-event.ts";

/** The part of a Bun server that publishes. */
export interface Publisher {
  publish(topic: string, message: string): number;
  subscriberCount(topic: string): number;
}

export const STREAM_TOPIC = "events";
const INITIAL_EVENTS = 100;
const MAX_EVENTS_A_LOOK = 500;

export class EventStream {
  readonly #connection: Connection;
  readonly #events: EventStore;
  #lastId: number;
  #lastVersion = -1;

  constructor(connection: Connection, events: EventStore) {
    this.#connection = connection;
    this.#events = events;
    this.#lastId = events.newestId();
  }

  /** The message that a new listener gets; what comes later is published to it. */
  initial(publisher: Publisher): string {
    this.publishNew(publisher);
    return JSON.stringify({ type: "initial", data: recentEvents(this.#events, INITIAL_EVENTS) });
  }

  /** Publishes what other processes stored, when they stored anything. */
  look(publisher: Publisher): void {
    const sql = "PRAGMA data_version";
    const version = Number(this.#connection.prepare(sql, "read events").values()[0]?.[0] ?? 0);
    if (version === this.#lastVersion) return;
    this.#lastVersion = version;
    this.publishNew(publisher);
  }

  /** Publishes what was stored since the last time. */
  publishNew(publisher: Publisher): void {
    if (publisher.subscriberCount(STREAM_TOPIC) === 0) {
      this.#lastId = this.#events.newestId();
      return;
    }
    // Ids start over when the newest events were deleted.
    this.#lastId = Math.min(this.#lastId, this.#events.newestId());
    for (;;) {
      const events = this.#events.after(this.#lastId, MAX_EVENTS_A_LOOK);
      for (const event of events) {
        publisher.publish(
          STREAM_TOPIC,
          JSON.stringify({ type: "event", data: storedEvent(event) }),
        );
        this.#lastId = event.id;
      }
      if (events.length < MAX_EVENTS_A_LOOK) return;
    }
  }
}
