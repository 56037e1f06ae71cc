/** Brings everything that the earlier usage database holds into ours, in one transaction that adds up. */
import { MIN_TIMESTAMP_MS } from "../../store/checks.ts";
import {
  hasFoldedSnapshots,
  isAdoptedSnapshot,
  rememberAdoptedSnapshot,
} from "../../store/folded-events.ts";
import { type Forgotten, readForgotten } from "../../store/usage-forgotten.ts";
import type { UsageStore } from "../../store/usage-store.ts";
import { checkBalance, checkGrowth, Tally, type TableBalance } from "./balance.ts";
import { type AdoptedRow, adoptEvent, adoptSnapshot } from "./rows.ts";
import { adoptSettings } from "./settings.ts";
import { type EventsDb, OLD_TABLES, type OldTable } from "./source.ts";
import { readTime } from "./times.ts";

const PROGRESS_ROWS = 256;

export interface AdoptOptions {
  /** True counts and writes nothing. */
  readonly dryRun?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface AdoptionReport {
  /** Absolute. */
  readonly source: string;
  readonly isDryRun: boolean;
  readonly tables: readonly TableBalance[];
  /** Sessions made for the rows that were brought in. */
  readonly sessionsCreated: number;
  /** Tables of the old file that are none of ours: themes, its ledger. */
  readonly leftAlone: readonly { readonly table: string; readonly rows: number }[];
}

/**
 * Adopts the rows of an old file; a second run finds all of them known and writes nothing. The old file is read at
 * one moment, whoever writes to it meanwhile, and never changed.
 * @throws {UsageDbError} ADOPT_UNBALANCED when a row is not accounted for; nothing was written.
 * @throws {OperationError} DATABASE_BUSY, DATABASE_FULL, DATABASE_CORRUPT; nothing was written.
 */
export function adoptEventsDb(
  store: UsageStore,
  source: EventsDb,
  options: AdoptOptions = {},
): AdoptionReport {
  const run = (): AdoptionReport =>
    source.connection.reading(() => new Adoption(store, source, options).run());
  return options.dryRun === true
    ? store.connection.reading(run)
    : store.connection.transaction(run, `adopt ${source.connection.path}`);
}

/** The first and last time known of a session; null when no row of it has a usable one. */
type Span = { first: number; last: number } | null;

/** Rows of the tables that adopting fills. */
type Sizes = Readonly<Record<"events" | "usage_snapshots" | "sessions", number>>;

class Adoption {
  readonly #store: UsageStore;
  readonly #source: EventsDb;
  readonly #isDryRun: boolean;
  readonly #onProgress: (done: number, total: number) => void;
  readonly #spans = new Map<string, Span>();
  /** Sessions that the old file knows by events. */
  readonly #eventSessions = new Set<string>();
  readonly #forgotten: Forgotten | null;
  #sessionsCreated = 0;
  readonly #total: number;
  #done = 0;

  constructor(
    store: UsageStore,
    source: EventsDb,
    { dryRun = false, onProgress = () => undefined }: AdoptOptions,
  ) {
    this.#store = store;
    this.#source = source;
    this.#isDryRun = dryRun;
    this.#onProgress = onProgress;
    this.#forgotten = readForgotten(store.connection);
    this.#total = source.count("events") + source.count("usage_snapshots");
  }

  run(): AdoptionReport {
    const before = this.#sizes();
    const tables = [
      this.#adoptEvents(),
      this.#adoptSnapshots(),
      adoptSettings(this.#store, this.#source, this.#isDryRun),
    ].map((tally, index) => tally.balance(this.#source.count(OLD_TABLES[index] as OldTable)));
    if (!this.#isDryRun) this.#widenSessions();
    for (const balance of tables) checkBalance(balance);
    if (!this.#isDryRun) this.#checkGrowth(before, tables);
    return {
      source: this.#source.connection.path,
      isDryRun: this.#isDryRun,
      tables,
      sessionsCreated: this.#sessionsCreated,
      leftAlone: this.#source.otherTables.map((table) => ({
        table,
        rows: this.#source.count(table),
      })),
    };
  }

  #adoptEvents(): Tally {
    const { events } = this.#store;
    const tally = new Tally("events");
    let neighbourAt = this.#firstTime("events");
    for (const old of this.#source.rows("events")) {
      const adopted = adoptEvent(old, neighbourAt);
      neighbourAt = adopted.knownAt ?? neighbourAt;
      this.#eventSessions.add(adopted.sessionId);
      // What was forgotten on request was known, and does not come back.
      if (events.has(adopted.row.dedupe_key) || this.#isForgotten(adopted)) {
        tally.addKnown();
      } else {
        this.#note(adopted);
        if (!this.#isDryRun) events.insert(adopted.row);
        tally.addBroughtIn(adopted.repairs, adopted.remarks);
      }
      this.#progress();
    }
    return tally;
  }

  /**
   * Snapshots have no key: the n-th old row with some content is known when n such rows were here before the run, or
   * when it was adopted before, and thinned since: it is in the sums.
   */
  #adoptSnapshots(): Tally {
    const { snapshots } = this.#store;
    const tally = new Tally("usage_snapshots");
    const { connection } = this.#store;
    const unclaimed = new Map<string, number>();
    const seen = new Map<string, number>();
    let neighbourAt = this.#firstTime("usage_snapshots");
    const hasEvents = (sessionId: string): boolean => this.#eventSessions.has(sessionId);
    for (const old of this.#source.rows("usage_snapshots")) {
      const adopted = adoptSnapshot(old, neighbourAt, hasEvents);
      neighbourAt = adopted.knownAt ?? neighbourAt;
      const { row } = adopted;
      const key = contentKey([
        row.session_id,
        row.snapshot_type,
        String(row.timestamp),
        row.snapshot_data,
      ]);
      const here = unclaimed.get(key) ?? snapshots.countEqual(row);
      unclaimed.set(key, Math.max(0, here - 1));
      const nth = seen.get(key) ?? 0;
      seen.set(key, nth + 1);
      const isKnown =
        here > 0 ||
        this.#isForgotten(adopted) ||
        (isAdoptedSnapshot(connection, { content: key, nth }) &&
          hasFoldedSnapshots(connection, row));
      if (!this.#isDryRun) rememberAdoptedSnapshot(connection, { content: key, nth });
      if (isKnown) {
        tally.addKnown();
      } else {
        this.#note(adopted);
        if (!this.#isDryRun) snapshots.insert(row);
        tally.addBroughtIn(adopted.repairs, adopted.remarks);
      }
      this.#progress();
    }
    return tally;
  }

  /** What a table's leading rows without a usable time are given, so that running again gives the same. */
  #firstTime(table: OldTable): number {
    return readTime(this.#source.firstTime(table)).at ?? MIN_TIMESTAMP_MS;
  }

  #isForgotten({ sessionId, row }: AdoptedRow<{ readonly timestamp?: number }>): boolean {
    const { timestamp = this.#store.now() } = row;
    return this.#forgotten?.has({ sessionId, project: null, timestamp }) === true;
  }

  /** Takes in the session of a row that is about to be stored. */
  #note({ sessionId, knownAt }: AdoptedRow<unknown>): void {
    const span = this.#spans.get(sessionId);
    if (span === undefined && this.#store.sessions.get(sessionId) === null) this.#sessionsCreated++;
    if (knownAt === null) {
      this.#spans.set(sessionId, span ?? null);
    } else {
      this.#spans.set(sessionId, {
        first: Math.min(span?.first ?? knownAt, knownAt),
        last: Math.max(span?.last ?? knownAt, knownAt),
      });
    }
  }

  #widenSessions(): void {
    for (const [session_id, span] of this.#spans) {
      if (span === null) continue;
      this.#store.sessions.upsert({
        session_id,
        started_at: span.first,
        last_seen_at: span.last,
      });
    }
  }

  #sizes(): Sizes {
    const [[events, snapshots, sessions] = []] = this.#store.connection
      .prepare(
        `SELECT
           (SELECT count(*) FROM events),
           (SELECT count(*) FROM usage_snapshots),
           (SELECT count(*) FROM sessions)`,
        "count rows",
      )
      .values();
    return {
      events: Number(events),
      usage_snapshots: Number(snapshots),
      sessions: Number(sessions),
    };
  }

  #checkGrowth(before: Sizes, [events, snapshots]: readonly TableBalance[]): void {
    const after = this.#sizes();
    checkGrowth("events", after.events - before.events, events?.broughtIn ?? 0);
    checkGrowth(
      "usage_snapshots",
      after.usage_snapshots - before.usage_snapshots,
      snapshots?.broughtIn ?? 0,
    );
    checkGrowth("sessions", after.sessions - before.sessions, this.#sessionsCreated);
  }

  #progress(): void {
    this.#done++;
    if (this.#done % PROGRESS_ROWS === 0) this.#onProgress(this.#done, this.#total);
  }
}

function contentKey(parts: readonly string[]): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const part of parts) hasher.update(`${part.length}:`).update(part);
  return hasher.digest("base64");
}
