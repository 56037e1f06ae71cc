/**
 * Strategy: random calls of the public API, on a database and on a model in memory that knows no SQL: writes, reads,
 * transactions that fail, prunes, reopening, backups and restores, with a clock that moves on.
 * Invariants: every call answers what the model does, and in the end both hold the same.
 */
import { isDeepStrictEqual } from "node:util";
import {
  backupDatabase,
  openUsageDb,
  restoreDatabase,
  type UsageDb,
  verifyRollups,
} from "../../src/index.ts";
import type { Chance } from "../support/fault-rounds.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";
import { Failures, type FaultRow, pick, type RowResult, type RowRun, whole } from "./row.ts";
import { problemsOfPages } from "./soundness.ts";
import { UsageModel } from "./usage-model.ts";

const CALLS = 120;
const DAY_MS = 86_400_000;
const SESSIONS = ["s1", "s2", "ß3"] as const;
const TYPES = ["stats", "config", "session"] as const;

class Differs extends Error {}

/** One sequence of calls. */
class Sequence {
  readonly #folder: TempFolder;
  readonly #path: string;
  readonly #dice: Chance;
  #db: UsageDb;
  #model = new UsageModel();
  #time = NOON;
  #backup: { readonly path: string; readonly model: UsageModel } | null = null;
  #backups = 0;

  constructor(folder: TempFolder, path: string, dice: Chance) {
    this.#folder = folder;
    this.#path = path;
    this.#dice = dice;
    this.#db = this.#open();
  }

  async run(): Promise<void> {
    try {
      for (let call = 0; call < CALLS; call++) {
        this.#time += whole(this.#dice, 2 * 3_600_000);
        const [name, work] = pick(this.#dice, this.#calls);
        try {
          await work();
        } catch (error) {
          if (error instanceof Differs)
            throw new Differs(`call ${call}, ${name}: ${error.message}`);
          throw new Error(`call ${call}, ${name}: ${String(error)}`, { cause: error });
        }
      }
      this.#compareAll();
    } finally {
      this.#db.close();
    }
  }

  #open(): UsageDb {
    return openUsageDb(this.#path, {
      now: () => this.#time,
      uptimeMs: () => this.#time - NOON,
    });
  }

  readonly #calls: readonly (readonly [string, () => void | Promise<void>])[] = [
    ["snapshots.insert", () => this.#addSnapshots(1)],
    ["snapshots.insertMany", () => this.#addSnapshots(1 + whole(this.#dice, 5))],
    ["snapshots.list", () => this.#listSnapshots()],
    ["snapshots.latest", () => this.#latest()],
    ["events.insert", () => this.#addEvent()],
    ["messages.record", () => this.#record()],
    ["messages.record", () => this.#record()],
    ["sessions.upsert", () => this.#upsertSession()],
    ["bars.upsert", () => this.#upsertBars()],
    ["bars.range", () => this.#readBars()],
    ["config.update", () => this.#configure()],
    ["a transaction that fails", () => this.#fail()],
    ["prune", () => this.#prune()],
    ["close and open", () => this.#reopen()],
    ["backup", () => this.#backUp()],
    ["restore", () => this.#restore()],
    ["comparing all", () => this.#compareAll()],
  ];

  #same(what: string, observed: unknown, expected: unknown): void {
    if (isDeepStrictEqual(observed, expected)) return;
    throw new Differs(
      `${what} is ${JSON.stringify(observed)}, expected ${JSON.stringify(expected)}`.slice(0, 800),
    );
  }

  #moment(): number {
    return this.#time - whole(this.#dice, 60) * DAY_MS - whole(this.#dice, 1000);
  }

  #addSnapshots(count: number): void {
    const rows = Array.from({ length: count }, () => ({
      session_id: pick(this.#dice, SESSIONS),
      snapshot_data: { n: whole(this.#dice, 1000), text: "é\u2028\u0000" },
      snapshot_type: pick(this.#dice, TYPES),
      timestamp: this.#moment(),
    }));
    const [first] = rows;
    const stored =
      count === 1 && first !== undefined
        ? [this.#db.snapshots.insert(first)]
        : this.#db.snapshots.insertMany(rows);
    this.#same("what was stored", stored, this.#model.addSnapshots(rows, this.#time));
  }

  #listSnapshots(): void {
    const dice = this.#dice;
    const filter = {
      ...(dice.next() < 0.5 ? { sessionId: pick(dice, SESSIONS) } : {}),
      ...(dice.next() < 0.5 ? { type: pick(dice, TYPES) } : {}),
      ...(dice.next() < 0.5 ? { sinceMs: this.#moment() } : {}),
      ...(dice.next() < 0.3 ? { untilMs: this.#moment() } : {}),
      ...(dice.next() < 0.3 ? { limit: 1 + whole(dice, 5) } : {}),
    };
    this.#same("the list", this.#db.snapshots.list(filter), this.#model.listSnapshots(filter));
  }

  #latest(): void {
    const [sessionId, type] = [pick(this.#dice, SESSIONS), pick(this.#dice, TYPES)];
    const [expected = null] = this.#model.listSnapshots({ sessionId, type, limit: 1 });
    this.#same("the latest", this.#db.snapshots.latest(sessionId, type), expected);
    const at = this.#moment();
    const [then = null] = this.#model.listSnapshots({ type: "stats", untilMs: at + 1, limit: 1 });
    this.#same("the one at a moment", this.#db.snapshots.at(at), then);
  }

  #addEvent(): void {
    const event = {
      source_app: "agent",
      session_id: pick(this.#dice, SESSIONS),
      hook_event_type: pick(this.#dice, ["Stop", "PreToolUse"]),
      payload: { n: whole(this.#dice, 1000) },
      dedupe_key: this.#dice.next() < 0.5 ? null : `key-${whole(this.#dice, 8)}`,
    };
    const stored = this.#db.events.insert(event);
    this.#same("whether it is new", stored, this.#model.addEvent(event, this.#time));
  }

  #record(): void {
    const lines = Array.from({ length: 1 + whole(this.#dice, 4) }, () => {
      const number = whole(this.#dice, 6);
      return message({
        message_id: `m${number}`,
        request_id: pick(this.#dice, ["", "r1", "r2"]),
        // A message's session and model are its own, so that only the rule of which line counts is asked here.
        session_id: SESSIONS[number % 3] ?? "s1",
        model: `model-${number % 2}`,
        timestamp: NOON + number * 1_800_000 + whole(this.#dice, 3) * 1000,
        is_sidechain: this.#dice.next() < 0.3 ? 1 : 0,
        output_tokens: whole(this.#dice, 4) * 10,
      });
    });
    this.#db.messages.record(lines);
    this.#model.claims.push(...lines);
    this.#same("the number of messages", this.#db.messages.count(), this.#model.messages().length);
  }

  #upsertSession(): void {
    const dice = this.#dice;
    const update = {
      session_id: pick(dice, SESSIONS),
      ...(dice.next() < 0.5 ? { agent: pick(dice, ["claude", "codex"]) } : {}),
      ...(dice.next() < 0.5 ? { project: `/p${whole(dice, 3)}` } : {}),
      ...(dice.next() < 0.5 ? { started_at: this.#moment() } : {}),
      ...(dice.next() < 0.5 ? { last_seen_at: this.#moment() } : {}),
    };
    this.#db.sessions.upsert(update);
    this.#model.upsertSession(update, this.#time);
  }

  #upsertBars(): void {
    const bars = Array.from({ length: 1 + whole(this.#dice, 3) }, () => ({
      symbol: pick(this.#dice, ["A", "B"]),
      provider: pick(this.#dice, ["x", "y"]),
      timeframe: "1h",
      timestamp: NOON + whole(this.#dice, 4) * 3_600_000,
      open: 1,
      high: 3,
      low: 0.1,
      close: 1 + whole(this.#dice, 2) / 10,
      volume: whole(this.#dice, 2),
      providerPriority: whole(this.#dice, 2),
    }));
    this.#same("how many changed", this.#db.bars.upsert(bars), this.#model.upsertBars(bars));
  }

  #readBars(): void {
    const range = { symbol: pick(this.#dice, ["A", "B"]), timeframe: "1h" };
    const found = this.#db.bars.range(range);
    const expected = this.#model.barRange(range.symbol, range.timeframe);
    const inOrder = (bar: object): [string, unknown][] =>
      Object.entries(bar)
        .filter(([name]) => name !== "insertedAt")
        .toSorted(([left], [right]) => (left < right ? -1 : 1));
    this.#same("the bars", found.map(inOrder), expected.map(inOrder));
  }

  #configure(): void {
    const change = pick(this.#dice, [
      { plan: pick(this.#dice, ["pro", "max5", "custom"] as const) },
      { refresh_rate: 1 + whole(this.#dice, 60) },
      { reset_hour: pick(this.#dice, [null, 0, 23]) },
    ]);
    this.#db.config.update(change);
    Object.assign(this.#model.config, change);
  }

  /** Nothing of it may stay. */
  #fail(): void {
    const before = this.#model.clone();
    try {
      this.#db.connection.transaction(() => {
        for (const work of [this.#addSnapshots.bind(this, 2), this.#addEvent.bind(this)]) work();
        throw new RangeError("on purpose");
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    this.#model = before;
  }

  async #prune(): Promise<void> {
    const olderThanMs = (1 + whole(this.#dice, 50)) * DAY_MS;
    const { deleted } = await this.#db.prune({ olderThanMs, trustClock: true });
    this.#same("how many went", deleted, this.#model.prune(this.#time - olderThanMs));
  }

  #reopen(): void {
    this.#db.close();
    this.#db = this.#open();
  }

  #backUp(): void {
    const path = this.#folder.at(`backup-${this.#backups++}-${this.#dice.seed}`);
    backupDatabase(this.#db.connection, path);
    this.#backup = { path, model: this.#model.clone() };
  }

  async #restore(): Promise<void> {
    if (this.#backup === null) return;
    await restoreDatabase(this.#backup.path, this.#path);
    this.#model = this.#backup.model.clone();
  }

  #compareAll(): void {
    const db = this.#db;
    this.#same("a page", problemsOfPages(db.connection), []);
    this.#same("an hour", verifyRollups(db), []);
    const all = { limit: 10_000 };
    this.#same("the snapshots", db.snapshots.list(all), this.#model.listSnapshots(all));
    const events = db.events
      .after(0, 10_000)
      .map(({ session_id, hook_event_type, payload, timestamp, dedupe_key }) => ({
        session_id,
        hook_event_type,
        payload,
        timestamp,
        dedupe_key,
      }));
    this.#same("the events", events, this.#model.events);
    for (const [id, session] of this.#model.sessions)
      this.#same(`session ${id}`, { ...db.sessions.get(id), ...session }, db.sessions.get(id));
    const hours = db.rollups
      .list(0, Number.MAX_SAFE_INTEGER)
      .map(
        (row) =>
          `${row.hour} ${row.model} ${row.message_count} ${
            row.input_tokens +
            row.output_tokens +
            row.cache_write_5m_tokens +
            row.cache_write_1h_tokens +
            row.cache_read_tokens
          }`,
      )
      .toSorted();
    this.#same("the hours", hours, this.#model.hours());
    const config = db.config.get();
    this.#same("the settings", { ...config, ...this.#model.config }, { ...config });
  }
}

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const failures = new Failures("model", options);
  for (let round = 0; round < options.rounds; round++) {
    try {
      const path = folder.at(`model-${round}.db`);
      await new Sequence(folder, path, options.chanceOf(round)).run();
    } catch (error) {
      failures.add(round, String(error));
    }
    if (round % 1000 === 999) options.tell(`${round + 1} sequences`);
  }
  return {
    tried: options.rounds,
    failures: failures.lines,
    figures: { calls: options.rounds * CALLS },
  };
}

export const model: FaultRow = {
  name: "model",
  fault: "random calls of the API against a model in memory",
  target: "every answer equal",
  unit: "sequences",
  shortRounds: 25,
  longRounds: 12_000,
  skip: null,
  run,
};
