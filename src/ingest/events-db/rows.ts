/** An old row as a row of ours: what has to be repaired is repaired, and the old value is carried along. */
import type { NewEvent } from "../../store/events.ts";
import {
  type NewUsageSnapshot,
  SNAPSHOT_TYPES,
  type SnapshotType,
} from "../../store/usage-snapshots.ts";
import { carry, type OldValue } from "./carry.ts";
import { isBlockId, readTime, type TimeRepair } from "./times.ts";

/** What was changed in a row. */
export type Repair =
  | TimeRepair
  | "not-json"
  | "chat-not-json"
  | "no-session-id"
  | "session-id-not-text"
  | "unknown-type"
  | "not-text";

/** What is worth knowing of a row that is fine. */
export type Remark = "block-id-as-session" | "orphan" | "columns-carried";

export interface OldRow {
  /** The rowid's digits: JavaScript would round a large one. */
  readonly id: string;
  /** Every column but the id, as the old table spells them. */
  readonly columns: ReadonlyMap<string, OldValue>;
  /** The columns whose text is JSON. */
  readonly json: ReadonlySet<string>;
}

export interface AdoptedRow<Row> {
  readonly row: Row;
  readonly sessionId: string;
  /** Epoch milliseconds; null when the row tells no usable time and has its neighbour's. */
  readonly knownAt: number | null;
  readonly repairs: ReadonlySet<Repair>;
  readonly remarks: ReadonlySet<Remark>;
}

/** The session of rows that name none. */
export const NO_SESSION = "adopted:no-session";
const UNKNOWN_TEXT = "unknown";

const EVENT_COLUMNS = [
  "source_app",
  "session_id",
  "hook_event_type",
  "payload",
  "chat",
  "summary",
  "model_name",
  "timestamp",
];
const SNAPSHOT_COLUMNS = ["session_id", "snapshot_data", "snapshot_type", "timestamp"];

/** What identifies an old event: later versions of the old program changed the other columns of stored rows. */
const IDENTITY_COLUMNS = ["source_app", "session_id", "hook_event_type", "payload", "timestamp"];

/**
 * Makes an old event one of ours. Its dedupe key comes from its id and content, so that the same row is known
 * again wherever the file was moved or copied to.
 * @param neighbourAt the time of the row before it, for a row without a usable one.
 */
export function adoptEvent(
  old: OldRow,
  neighbourAt: number,
): AdoptedRow<NewEvent & { dedupe_key: string }> {
  const reader = new RowReader(old, EVENT_COLUMNS);
  const sessionId = reader.sessionId();
  const knownAt = reader.time();
  const columns = {
    source_app: reader.requiredText("source_app"),
    session_id: sessionId,
    hook_event_type: reader.requiredText("hook_event_type"),
    summary: reader.optionalText("summary"),
    model_name: reader.optionalText("model_name"),
    chat: reader.chat(),
    timestamp: knownAt ?? neighbourAt,
    dedupe_key: eventKey(old),
  };
  const row = { ...columns, payload: reader.document("payload") };
  return { row, sessionId, knownAt, repairs: reader.repairs, remarks: reader.remarks };
}

/** Makes an old snapshot one of ours; `hasEvents` says whether the old file knows a session by its events. */
export function adoptSnapshot(
  old: OldRow,
  neighbourAt: number,
  hasEvents: (sessionId: string) => boolean,
): AdoptedRow<Required<NewUsageSnapshot> & { snapshot_data: string; snapshot_type: SnapshotType }> {
  const reader = new RowReader(old, SNAPSHOT_COLUMNS);
  const sessionId = reader.sessionId();
  const knownAt = reader.time();
  const snapshot_type = reader.snapshotType();
  const row = {
    session_id: sessionId,
    snapshot_type,
    timestamp: knownAt ?? neighbourAt,
    snapshot_data: reader.document("snapshot_data"),
  };
  const { repairs, remarks } = reader;
  if (!remarks.has("block-id-as-session") && !hasEvents(sessionId)) remarks.add("orphan");
  return { row, sessionId, knownAt, repairs, remarks };
}

function eventKey({ id, columns }: OldRow): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const name of IDENTITY_COLUMNS) {
    const value = columns.get(name) ?? null;
    const content = value instanceof Uint8Array ? value : String(value);
    hasher.update(`${typeof value}:${content.length}:`).update(content);
  }
  return `events.db:${id}:${hasher.digest("hex").slice(0, 32)}`;
}

/** Reads one old row column by column and collects what had to be changed; the document comes last. */
class RowReader {
  readonly repairs = new Set<Repair>();
  readonly remarks = new Set<Remark>();
  readonly #old: OldRow;
  readonly #known: readonly string[];
  readonly #replaced = new Map<string, OldValue>();

  constructor(old: OldRow, known: readonly string[]) {
    this.#old = old;
    this.#known = known;
  }

  sessionId(): string {
    const old = this.#get("session_id");
    if (isStorable(old) && old !== "") {
      if (isBlockId(old)) this.remarks.add("block-id-as-session");
      return old;
    }
    const isMissing = old === null || old === "";
    this.#replace("session_id", old, isMissing ? "no-session-id" : "session-id-not-text");
    if (isMissing) return NO_SESSION;
    // Different ids stay different.
    const bytes = Buffer.from(typeof old === "number" ? String(old) : old);
    return `adopted:base64:${bytes.toString("base64")}`;
  }

  time(): number | null {
    const old = this.#get("timestamp");
    const { at, repair, isExact } = readTime(old);
    if (repair === null) return at;
    this.repairs.add(repair);
    if (!isExact) this.#replaced.set("timestamp", old);
    return at;
  }

  requiredText(column: string): string {
    const old = this.#get(column);
    if (isStorable(old) && old !== "") return old;
    this.#replace(column, old, "not-text");
    return UNKNOWN_TEXT;
  }

  optionalText(column: string): string | null {
    const old = this.#get(column);
    if (old === null || isStorable(old)) return old;
    this.#replace(column, old, "not-text");
    return null;
  }

  snapshotType(): SnapshotType {
    const old = this.#get("snapshot_type");
    const known = SNAPSHOT_TYPES.find((type) => type === old);
    if (known !== undefined) return known;
    this.#replace("snapshot_type", old, "unknown-type");
    return "stats";
  }

  chat(): string | null {
    const value = this.#get("chat");
    if (value === null) return null;
    const isJson = this.#old.json.has("chat");
    if (!isJson) this.repairs.add("chat-not-json");
    return carry({ column: "chat", value, isJson }, new Map(), new Map());
  }

  /** The row's document, with the columns that we do not have and the values that were replaced. */
  document(column: string): string {
    const isJson = this.#old.json.has(column);
    if (!isJson) this.repairs.add("not-json");
    const others = [...this.#old.columns].filter(
      ([name, value]) => value !== null && !this.#known.includes(name),
    );
    if (others.length > 0) this.remarks.add("columns-carried");
    const value = this.#get(column);
    return carry({ column, value, isJson }, new Map(others), this.#replaced);
  }

  #get(column: string): OldValue {
    return this.#old.columns.get(column) ?? null;
  }

  #replace(column: string, old: OldValue, repair: Repair): void {
    this.repairs.add(repair);
    this.#replaced.set(column, old);
  }
}

/** Text that a column of ours takes as it is. */
function isStorable(value: OldValue): value is string {
  return typeof value === "string" && !value.includes("\0");
}
