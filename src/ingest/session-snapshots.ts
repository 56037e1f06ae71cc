/** One `stats` snapshot for each session that a sync changed. */
import { sessionStats } from "../store/session-stats.ts";
import type { SessionStats, RecentSession, StatsMoment, UsageStats } from "../store/usage-stats.ts";
import type { UsageSnapshot } from "../store/usage-snapshots.ts";
import type { UsageStore } from "../store/usage-store.ts";

/** Reads what a snapshot tells beside its session; reports know that, and ingest knows no reports. */
export type ReadMoment = (
  store: UsageStore,
  options: {
    /** Whose sessions changed. */
    readonly agent: string;
    readonly nowMs: number;
    /** False while more batches follow, when only what costs little is to be read. */
    readonly isWhole: boolean;
  },
) => StatsMoment;

/** Writes the snapshots of one agent's sync, each inside the transaction of the messages that it tells of. */
export class SessionSnapshots {
  readonly #store: UsageStore;
  readonly #agent: string;
  readonly #readMoment: ReadMoment;
  /** The snapshot that this sync wrote for a session; a later batch brings it up to date. */
  readonly #written = new Map<string, number>();

  constructor(
    store: UsageStore,
    { agent, readMoment }: { readonly agent: string; readonly readMoment: ReadMoment },
  ) {
    this.#store = store;
    this.#agent = agent;
    this.#readMoment = readMoment;
  }

  /** Sessions with a snapshot of this sync. */
  get count(): number {
    return this.#written.size;
  }

  /**
   * Stores a snapshot of each session whose figures differ from its last one, the session active last at the end;
   * call inside the transaction that changed them. The last batch of a sync also completes what earlier ones wrote
   * of the sessions active last.
   */
  write(sessionIds: Iterable<string>, { isLast }: { readonly isLast: boolean }): void {
    const changed = this.#changedOf(sessionIds);
    if (changed.length === 0 && !(isLast && this.#written.size > 0)) return;
    const nowMs = this.#store.now();
    const moment = this.#readMoment(this.#store, { agent: this.#agent, nowMs, isWhole: isLast });
    if (isLast) {
      const listed = new Set(changed.map(({ session_id }) => session_id));
      for (const { session_id: id } of moment.recent_sessions) {
        if (listed.has(id) || !this.#written.has(id)) continue;
        const stats = sessionStats(this.#store, id);
        if (stats !== null) changed.push(stats);
      }
    }
    changed.sort((a, b) => a.last_seen_at - b.last_seen_at);
    for (const session of changed) this.#writeOne(session, moment);
  }

  #changedOf(sessionIds: Iterable<string>): SessionStats[] {
    const changed: SessionStats[] = [];
    for (const id of sessionIds) {
      const session = sessionStats(this.#store, id);
      if (session === null) continue;
      if (!this.#written.has(id) && tellsOf(this.#store.snapshots.latest(id), session)) continue;
      changed.push(session);
    }
    return changed;
  }

  #writeOne(session: SessionStats, moment: StatsMoment): void {
    const { session_id } = session;
    const stats: UsageStats = {
      version: 2,
      current_session: session,
      ...moment,
      recent_sessions: recentBeside(session, moment.recent_sessions),
    };
    const snapshot_data = JSON.stringify(stats);
    const writtenId = this.#written.get(session_id);
    if (writtenId !== undefined) return this.#store.snapshots.replaceData(writtenId, snapshot_data);
    this.#written.set(session_id, this.#store.snapshots.insert({ session_id, snapshot_data }).id);
  }
}

const SHOWN_SESSIONS = 5;

/** None beside a session that is older than all of them: a first sync would store them a thousand times. */
function recentBeside(session: SessionStats, recent: readonly RecentSession[]): RecentSession[] {
  const isRecent = recent.some(({ last_seen_at }) => last_seen_at <= session.last_seen_at);
  if (!isRecent) return [];
  return recent
    .filter(({ session_id }) => session_id !== session.session_id)
    .slice(0, SHOWN_SESSIONS);
}

/**
 * True when a snapshot says the same of its session. The rest is not compared: it changes with other sessions,
 * whose own snapshots tell of it, and with the time that passes.
 */
function tellsOf(snapshot: UsageSnapshot | null, session: SessionStats): boolean {
  return (
    snapshot?.snapshot_data.startsWith(
      `{"version":2,"current_session":${JSON.stringify(session)},`,
    ) ?? false
  );
}
