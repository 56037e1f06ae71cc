/** What a usage database should hold, kept in plain arrays and maps by the documented rules, without any SQL. */
import type {
  NewBar,
  NewEvent,
  NewUsageMessage,
  NewUsageSnapshot,
  SessionUpdate,
  SnapshotFilter,
} from "../../src/index.ts";

export interface ModelSnapshot {
  readonly id: number;
  readonly session_id: string;
  readonly snapshot_data: string;
  readonly snapshot_type: string;
  readonly timestamp: number;
}

interface ModelSession {
  readonly agent: string | null;
  readonly project: string | null;
  readonly started_at: number | null;
  readonly last_seen_at: number | null;
  readonly created_at: number;
}

type ModelEvent = Pick<NewEvent, "session_id" | "hook_event_type" | "dedupe_key"> & {
  readonly payload: string;
  readonly timestamp: number;
};

type ModelBar = NewBar & { readonly revision: number };

const HOUR_MS = 3_600_000;

const least = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);
const most = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.max(a, b);

const total = (m: NewUsageMessage): number =>
  m.input_tokens +
  m.output_tokens +
  m.cache_write_5m_tokens +
  m.cache_write_1h_tokens +
  m.cache_read_tokens;

/** Whether a line stands for its message rather than another one of the same request. */
function isBetter(line: NewUsageMessage, other: NewUsageMessage): boolean {
  if (line.is_sidechain !== other.is_sidechain) return line.is_sidechain === 0;
  if (total(line) !== total(other)) return total(line) > total(other);
  return line.timestamp < other.timestamp;
}

/** Whether a line makes another one, of the same message under another request, a copy. */
function makesCopy(line: NewUsageMessage, other: NewUsageMessage): boolean {
  if (line.is_sidechain !== other.is_sidechain) return line.is_sidechain === 0;
  return line.request_id !== "" && other.request_id === "";
}

export class UsageModel {
  snapshots: ModelSnapshot[] = [];
  events: ModelEvent[] = [];
  sessions = new Map<string, ModelSession>();
  /** Every line that was ever recorded; which of them count is decided anew each time. */
  claims: NewUsageMessage[] = [];
  bars = new Map<string, ModelBar>();
  config: Record<string, unknown> = {};

  clone(): UsageModel {
    const copy = new UsageModel();
    copy.snapshots = [...this.snapshots];
    copy.events = [...this.events];
    copy.sessions = new Map(this.sessions);
    copy.claims = [...this.claims];
    copy.bars = new Map(this.bars);
    copy.config = { ...this.config };
    return copy;
  }

  ensure(id: string, now: number): void {
    const fresh = { agent: null, project: null, started_at: null, last_seen_at: null };
    if (!this.sessions.has(id)) this.sessions.set(id, { ...fresh, created_at: now });
  }

  upsertSession(update: SessionUpdate, now: number): void {
    this.ensure(update.session_id, now);
    const known = this.sessions.get(update.session_id);
    if (known === undefined) return;
    this.sessions.set(update.session_id, {
      agent: known.agent ?? update.agent ?? null,
      project: known.project ?? update.project ?? null,
      started_at: least(known.started_at, update.started_at ?? null),
      last_seen_at: most(known.last_seen_at, update.last_seen_at ?? null),
      created_at: known.created_at,
    });
  }

  addSnapshots(rows: readonly NewUsageSnapshot[], now: number): ModelSnapshot[] {
    return rows.map((row) => {
      this.ensure(row.session_id, now);
      const stored = {
        id: Math.max(0, ...this.snapshots.map(({ id }) => id)) + 1,
        session_id: row.session_id,
        snapshot_data: JSON.stringify(row.snapshot_data),
        snapshot_type: row.snapshot_type ?? "stats",
        timestamp: row.timestamp ?? now,
      };
      this.snapshots.push(stored);
      return stored;
    });
  }

  listSnapshots({ sessionId, type, sinceMs, untilMs, limit = 100 }: SnapshotFilter) {
    return this.snapshots
      .filter(
        (row) =>
          (sessionId === undefined || row.session_id === sessionId) &&
          (type === undefined || row.snapshot_type === type) &&
          (sinceMs === undefined || row.timestamp >= sinceMs) &&
          (untilMs === undefined || row.timestamp < untilMs),
      )
      .toSorted((a, b) => b.timestamp - a.timestamp || b.id - a.id)
      .slice(0, limit);
  }

  /** How many went. */
  prune(cutoff: number): number {
    const before = this.snapshots.length;
    this.snapshots = this.snapshots.filter(({ timestamp }) => timestamp >= cutoff);
    return before - this.snapshots.length;
  }

  addEvent(event: NewEvent, now: number): boolean {
    const key = event.dedupe_key ?? null;
    this.ensure(event.session_id, now);
    if (key !== null && this.events.some(({ dedupe_key }) => dedupe_key === key)) return false;
    this.events.push({
      session_id: event.session_id,
      hook_event_type: event.hook_event_type,
      payload: JSON.stringify(event.payload),
      timestamp: event.timestamp ?? now,
      dedupe_key: key,
    });
    return true;
  }

  /** The lines that count, by message and request. */
  messages(): NewUsageMessage[] {
    const best = new Map<string, NewUsageMessage>();
    for (const claim of this.claims) {
      const key = `${claim.message_id} ${claim.request_id}`;
      const known = best.get(key);
      if (known === undefined || isBetter(claim, known)) best.set(key, claim);
    }
    const lines = [...best.values()];
    return lines.filter(
      (line) =>
        !lines.some(
          (other) =>
            other.message_id === line.message_id &&
            other.request_id !== line.request_id &&
            makesCopy(other, line),
        ),
    );
  }

  /** Messages and tokens by hour and model, as text lines in order. */
  hours(): string[] {
    const sums = new Map<string, [number, number]>();
    for (const line of this.messages()) {
      const hour = Math.floor(line.timestamp / HOUR_MS) * HOUR_MS;
      const key = `${hour} ${line.model}`;
      const [count, tokens] = sums.get(key) ?? [0, 0];
      sums.set(key, [count + 1, tokens + total(line)]);
    }
    return [...sums].map(([key, [count, tokens]]) => `${key} ${count} ${tokens}`).toSorted();
  }

  /** How many were new or changed. */
  upsertBars(bars: readonly NewBar[]): number {
    let changed = 0;
    for (const bar of bars) {
      const key = [bar.symbol, bar.provider, bar.timeframe, bar.timestamp].join();
      const known = this.bars.get(key);
      const values = (one: NewBar): string =>
        [one.open, one.high, one.low, one.close, one.volume].join();
      const isRevised = known !== undefined && values(known) !== values(bar);
      const isMoved = known !== undefined && known.providerPriority !== bar.providerPriority;
      if (known !== undefined && !isRevised && !isMoved) continue;
      changed++;
      this.bars.set(key, { ...bar, revision: (known?.revision ?? 0) + (isRevised ? 1 : 0) });
    }
    return changed;
  }

  /** One bar a moment, of the provider with the lowest priority number, then by name. */
  barRange(symbol: string, timeframe: string): ModelBar[] {
    const rows = [...this.bars.values()]
      .filter((bar) => bar.symbol === symbol && bar.timeframe === timeframe)
      .toSorted(
        (a, b) =>
          a.timestamp - b.timestamp ||
          (a.providerPriority ?? 0) - (b.providerPriority ?? 0) ||
          (a.provider < b.provider ? -1 : 1),
      );
    return rows.filter((bar, index) => bar.timestamp !== rows[index - 1]?.timestamp);
  }
}
