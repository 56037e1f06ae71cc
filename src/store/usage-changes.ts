/** What a transaction's messages change in the sums that are kept of them: each hour and each session once. */
import { type PriceBook, requestTokensOf } from "./prices.ts";
import { HOUR_MS, type TokenCounts } from "./token-counts.ts";

/** What one message adds to its sums. */
export interface MessagePart extends TokenCounts {
  readonly timestamp: number;
  readonly session_id: string;
  readonly project: string;
  readonly model: string;
  readonly agent: string;
  readonly reported_cost_usd: number | null;
}

export type RollupKey = readonly [hour: number, project: string, model: string, agent: string];
export type SessionKey = readonly [session: string, project: string, model: string, agent: string];

/** A kept sum of messages. */
export interface KeptSum extends TokenCounts {
  readonly message_count: number;
  readonly reported_cost_usd: number | null;
  /** By the prices of the day, in 1e-12 USD; null where one is not known and unpriced messages are not counted. */
  readonly cost_picousd: number | null;
  /** Messages without a price, which the cost leaves out; undefined where it is null then. */
  readonly unpriced_count?: number;
  /** Epoch milliseconds of the first and last message. */
  readonly first_at: number | null;
  readonly last_at: number | null;
}

/** What a sum is after a change. */
export interface ChangedSum extends KeptSum {
  readonly unpriced_count: number;
  readonly first_at: number;
  readonly last_at: number;
}

/** The difference to one sum. */
interface SumChange {
  message_count: number;
  input_tokens: number;
  output_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  cache_read_tokens: number;
  reported_cost_usd: number | null;
  cost_picousd: number;
  unpriced_count: number;
  /** Of the messages that were added. */
  first_at: number;
  last_at: number;
  /** Of those that were taken away; beyond each other when none was. */
  lostFirstAt: number;
  lostLastAt: number;
}

/** What the message rows of one sum say. */
export type Recount = Pick<
  ChangedSum,
  "message_count" | "reported_cost_usd" | "cost_picousd" | "unpriced_count" | "first_at" | "last_at"
>;

export interface SumEntry<Key> {
  readonly key: Key;
  readonly change: SumChange;
}

/** Collects differences so that a batch writes each sum once. */
export class UsageChanges {
  readonly book: PriceBook;
  readonly #hours = new Map<string, SumEntry<RollupKey>>();
  readonly #sessions = new Map<string, SumEntry<SessionKey>>();

  constructor(book: PriceBook) {
    this.book = book;
  }

  /** @param sign 1 adds a message to its sums, -1 takes it away. */
  add(part: MessagePart, sign: 1 | -1): void {
    const { timestamp, session_id, project, model, agent } = part;
    const hour = timestamp - (timestamp % HOUR_MS);
    const cost = this.book.costOf({ ...part, requestTokens: requestTokensOf(part) });
    const rest = `\0${project}\0${model}\0${agent}`;
    const amount = { sign, cost };
    addTo(changeOf(this.#hours, hour + rest, [hour, project, model, agent]), part, amount);
    const session: SessionKey = [session_id, project, model, agent];
    addTo(changeOf(this.#sessions, session_id + rest, session), part, amount);
  }

  get hours(): Iterable<SumEntry<RollupKey>> {
    return this.#hours.values();
  }

  get sessions(): Iterable<SumEntry<SessionKey>> {
    return this.#sessions.values();
  }
}

/**
 * The sum after a change; null when nothing is left of it.
 * @param recount asked only where differences do not tell: when what was taken away may have been the first, the last,
 * the only one without a price or with a reported cost. Rows that were folded away since leave it short of the sum,
 * which then only widens.
 */
export function changedSum(
  old: KeptSum | null,
  change: SumChange,
  recount: () => Recount,
): ChangedSum | null {
  const message_count = (old?.message_count ?? 0) + change.message_count;
  if (message_count === 0) return null;
  const sum = {
    message_count,
    input_tokens: (old?.input_tokens ?? 0) + change.input_tokens,
    output_tokens: (old?.output_tokens ?? 0) + change.output_tokens,
    cache_write_5m_tokens: (old?.cache_write_5m_tokens ?? 0) + change.cache_write_5m_tokens,
    cache_write_1h_tokens: (old?.cache_write_1h_tokens ?? 0) + change.cache_write_1h_tokens,
    cache_read_tokens: (old?.cache_read_tokens ?? 0) + change.cache_read_tokens,
    reported_cost_usd: added(old?.reported_cost_usd ?? null, change.reported_cost_usd),
    cost_picousd:
      old?.cost_picousd === null ? null : (old?.cost_picousd ?? 0) + change.cost_picousd,
    unpriced_count: (old?.unpriced_count ?? 0) + change.unpriced_count,
    first_at: Math.min(old?.first_at ?? Infinity, change.first_at),
    last_at: Math.max(old?.last_at ?? 0, change.last_at),
  };
  const isUncertain =
    change.lostFirstAt <= sum.first_at ||
    change.lostLastAt >= sum.last_at ||
    sum.cost_picousd === null ||
    change.reported_cost_usd !== null;
  if (change.lostLastAt === 0 || !isUncertain) return sum;
  const counted = recount();
  return counted.message_count === message_count ? { ...sum, ...counted } : sum;
}

/** What a recount has to know of a message. */
export type CountedRow = TokenCounts & Pick<MessagePart, "timestamp" | "reported_cost_usd">;

export const COUNTED_COLUMNS = `timestamp, reported_cost_usd, input_tokens, output_tokens, cache_write_5m_tokens,
         cache_write_1h_tokens, cache_read_tokens`;

/** Counts message rows, each with its own price. */
export function recountOf(rows: readonly CountedRow[], model: string, book: PriceBook): Recount {
  let [first, last] = [Infinity, 0];
  let [sum, unpriced] = [0, 0];
  let reported: number | null = null;
  for (const row of rows) {
    first = Math.min(first, row.timestamp);
    last = Math.max(last, row.timestamp);
    reported = added(reported, row.reported_cost_usd);
    const cost = book.costOf({ ...row, model, requestTokens: requestTokensOf(row) });
    if (cost === null) unpriced++;
    else sum += cost;
  }
  return {
    message_count: rows.length,
    reported_cost_usd: reported,
    cost_picousd: sum,
    unpriced_count: unpriced,
    first_at: first,
    last_at: last,
  };
}

function changeOf<Key>(entries: Map<string, SumEntry<Key>>, id: string, key: Key): SumChange {
  const known = entries.get(id);
  if (known !== undefined) return known.change;
  const change = noChange();
  entries.set(id, { key, change });
  return change;
}

function addTo(
  sum: SumChange,
  part: MessagePart,
  { sign, cost }: { readonly sign: 1 | -1; readonly cost: number | null },
): void {
  sum.message_count += sign;
  sum.input_tokens += sign * part.input_tokens;
  sum.output_tokens += sign * part.output_tokens;
  sum.cache_write_5m_tokens += sign * part.cache_write_5m_tokens;
  sum.cache_write_1h_tokens += sign * part.cache_write_1h_tokens;
  sum.cache_read_tokens += sign * part.cache_read_tokens;
  if (part.reported_cost_usd !== null)
    sum.reported_cost_usd = (sum.reported_cost_usd ?? 0) + sign * part.reported_cost_usd;
  if (cost === null) sum.unpriced_count += sign;
  else sum.cost_picousd += sign * cost;
  if (sign > 0) {
    sum.first_at = Math.min(sum.first_at, part.timestamp);
    sum.last_at = Math.max(sum.last_at, part.timestamp);
  } else {
    sum.lostFirstAt = Math.min(sum.lostFirstAt, part.timestamp);
    sum.lostLastAt = Math.max(sum.lostLastAt, part.timestamp);
  }
}

function noChange(): SumChange {
  return {
    message_count: 0,
    input_tokens: 0,
    output_tokens: 0,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    cache_read_tokens: 0,
    reported_cost_usd: null,
    cost_picousd: 0,
    unpriced_count: 0,
    first_at: Number.MAX_SAFE_INTEGER,
    last_at: 0,
    lostFirstAt: Number.MAX_SAFE_INTEGER,
    lostLastAt: 0,
  };
}

function added(left: number | null, right: number | null): number | null {
  return left === null && right === null ? null : (left ?? 0) + (right ?? 0);
}
