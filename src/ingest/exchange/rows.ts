/** What travels between machines, in columns' own names. */
import type { UsageEvent } from "../../store/events.ts";
import type { Session } from "../../store/sessions.ts";
import type { UsageMessage } from "../../store/usage-messages.ts";

export type SessionRow = Pick<
  Session,
  "session_id" | "agent" | "project" | "started_at" | "last_seen_at" | "born_at"
>;

/** Where a line stands means nothing on another machine. */
export type MessageRow = Omit<UsageMessage, "id" | "source_id" | "source_offset" | "host"> & {
  readonly host: string;
};

/** Only events with a key: without one, nobody could tell a second copy from a second event. */
export type EventRow = Omit<UsageEvent, "id">;
