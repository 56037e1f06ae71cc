/** Files as the earlier usage database left them: the seed documents' SQL, in both shapes and all ages. */
import { Database, type SQLQueryBindings } from "bun:sqlite";
import { adoptEventsDb, type AdoptionReport } from "../../src/ingest/events-db/adopt.ts";
import type { TableBalance } from "../../src/ingest/events-db/balance.ts";
import { EventsDb } from "../../src/ingest/events-db/source.ts";
import type { UsageDb } from "../../src/index.ts";
import type { Chance } from "./fault-rounds.ts";

export interface EventsDbShape {
  /** Whether usage_snapshots points at events (session_id), which is not unique. */
  readonly foreignKey: boolean;
  /** Whether the file was touched by the later versions, with three more columns. */
  readonly laterColumns: boolean;
}

export const SHAPES: readonly EventsDbShape[] = [
  { foreignKey: true, laterColumns: true },
  { foreignKey: true, laterColumns: false },
  { foreignKey: false, laterColumns: true },
  { foreignKey: false, laterColumns: false },
];

export const PLAIN: EventsDbShape = { foreignKey: false, laterColumns: false };

/** Makes an old file, with a filling of the test's own, and returns its path. */
export function oldFile(path: string, fill: (db: Database) => void, shape = PLAIN): string {
  const db = createEventsDb(path, shape);
  fill(db);
  db.close(true);
  return path;
}

export function adoptFile(db: UsageDb, path: string, dryRun = false): AdoptionReport {
  using source = new EventsDb(path);
  return adoptEventsDb(db, source, { dryRun });
}

export function tableOf({ tables }: AdoptionReport, table: string): TableBalance | undefined {
  return tables.find((balance) => balance.table === table);
}

const EVENTS_SQL = `CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source_app TEXT NOT NULL,
  session_id TEXT NOT NULL,
  hook_event_type TEXT NOT NULL,
  payload TEXT NOT NULL,
  chat TEXT,
  summary TEXT,
  timestamp INTEGER NOT NULL
)`;

const CONFIG_SQL = `CREATE TABLE usage_config (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  plan TEXT NOT NULL DEFAULT 'custom' CHECK (plan IN ('pro', 'max5', 'max20', 'custom')),
  custom_limit_tokens INTEGER CHECK (custom_limit_tokens IS NULL OR custom_limit_tokens > 0),
  view TEXT NOT NULL DEFAULT 'realtime' CHECK (view IN ('realtime', 'daily', 'monthly', 'session')),
  timezone TEXT NOT NULL DEFAULT 'auto',
  time_format TEXT NOT NULL DEFAULT 'auto' CHECK (time_format IN ('12h', '24h', 'auto')),
  theme TEXT NOT NULL DEFAULT 'auto' CHECK (theme IN ('light', 'dark', 'classic', 'auto')),
  refresh_rate INTEGER NOT NULL DEFAULT 10 CHECK (refresh_rate >= 1 AND refresh_rate <= 60),
  refresh_per_second REAL NOT NULL DEFAULT 0.75 CHECK (refresh_per_second >= 0.1 AND refresh_per_second <= 20.0),
  reset_hour INTEGER CHECK (reset_hour IS NULL OR (reset_hour >= 0 AND reset_hour <= 23)),
  created_at INTEGER NOT NULL DEFAULT (unixepoch()),
  updated_at INTEGER NOT NULL DEFAULT (unixepoch()),
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1))
)`;

const snapshotsSql = (foreignKey: boolean): string => `CREATE TABLE usage_snapshots (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL,
  snapshot_data TEXT NOT NULL,
  snapshot_type TEXT NOT NULL DEFAULT 'stats' CHECK (snapshot_type IN ('stats', 'config', 'session')),
  timestamp INTEGER NOT NULL DEFAULT (unixepoch())${
    foreignKey
      ? ",\n  FOREIGN KEY (session_id) REFERENCES events (session_id) ON DELETE CASCADE"
      : ""
  }
)`;

const INDEXES_SQL = [
  "CREATE UNIQUE INDEX idx_usage_config_active ON usage_config(is_active) WHERE is_active = 1",
  "CREATE INDEX idx_usage_snapshots_session_id ON usage_snapshots(session_id)",
  "CREATE INDEX idx_usage_snapshots_timestamp ON usage_snapshots(timestamp)",
  "CREATE INDEX idx_usage_snapshots_type ON usage_snapshots(snapshot_type)",
  "CREATE INDEX idx_schema_migrations_applied_at ON schema_migrations(applied_at)",
];

/** Opens an old file for a test to fill, creating it in the given shape; close it with `close(true)`. */
export function createEventsDb(
  path: string,
  { foreignKey, laterColumns }: EventsDbShape,
): Database {
  const db = new Database(path);
  db.run("PRAGMA journal_mode = WAL");
  db.run(EVENTS_SQL);
  if (laterColumns) {
    db.run("ALTER TABLE events ADD COLUMN humanInTheLoop TEXT");
    db.run("ALTER TABLE events ADD COLUMN humanInTheLoopStatus TEXT");
    db.run("ALTER TABLE events ADD COLUMN model_name TEXT");
  }
  db.run("CREATE TABLE themes (id TEXT PRIMARY KEY, name TEXT NOT NULL, colors TEXT NOT NULL)");
  db.run("INSERT INTO themes VALUES ('t1', 'night', '{}')");
  db.run(
    "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)",
  );
  db.run("INSERT INTO schema_migrations VALUES (1, 'add_usage_tracking_tables', 1759190400000)");
  db.run(CONFIG_SQL);
  db.run(snapshotsSql(foreignKey));
  for (const sql of INDEXES_SQL) db.run(sql);
  db.run("INSERT INTO usage_config DEFAULT VALUES");
  return db;
}

/** Inserts a row given as an object. */
export function insertRow(
  db: Database,
  table: string,
  row: Readonly<Record<string, SQLQueryBindings>>,
): void {
  const names = Object.keys(row);
  const values = Object.values(row) as (string | number | null | Uint8Array)[];
  const marks = names.map(() => "?").join(", ");
  db.prepare(`INSERT INTO ${table} (${names.join(", ")}) VALUES (${marks})`).run(...values);
}

/** 2025-09-30 00:00 UTC. */
const START_MS = 1_759_190_400_000;

/** How many rows of each kind a filled file has. */
export interface Filling {
  readonly seconds: number;
  readonly brokenJson: number;
  readonly orphans: number;
  readonly blockIds: number;
}

/**
 * Fills a file with events and snapshots as years of use do: both units of time, orphans, block ids, text that is
 * no JSON. Returns what the snapshots alone are.
 */
export function fillEventsDb(
  db: Database,
  { laterColumns }: EventsDbShape,
  rows: number,
  dice: Chance,
): { readonly events: Filling; readonly snapshots: Filling } {
  const events = { seconds: 0, brokenJson: 0, orphans: 0, blockIds: 0 };
  const snapshots = { seconds: 0, brokenJson: 0, orphans: 0, blockIds: 0 };
  const sessions = Math.max(2, Math.floor(rows / 40));
  const pick = (share: number): boolean => dice.next() < share;
  const time = (index: number, counts: { seconds: number }): number => {
    const at = START_MS + index * 60_000 + Math.floor(dice.next() * 60) * 1000;
    if (!pick(0.3)) return at;
    counts.seconds++;
    return at / 1000;
  };
  const json = (index: number, counts: { brokenJson: number }): string => {
    if (!pick(0.05)) return JSON.stringify({ n: index, tool: "Bash", text: "é\u2028" });
    counts.brokenJson++;
    return `{"n": ${index}, cut`;
  };
  db.transaction(() => {
    db.run("PRAGMA foreign_keys = OFF");
    for (let index = 0; index < rows; index++) {
      const hook = { source_app: "app", hook_event_type: pick(0.5) ? "PreToolUse" : "Stop" };
      const session_id = `s${Math.floor(dice.next() * sessions)}`;
      const later =
        laterColumns && pick(0.1)
          ? { humanInTheLoop: '{"question":"?"}', humanInTheLoopStatus: '{"status":"pending"}' }
          : {};
      const model = laterColumns ? { model_name: "opus" } : {};
      const payload = json(index, events);
      const timestamp = time(index, events);
      insertRow(db, "events", { ...hook, session_id, payload, timestamp, ...later, ...model });
    }
    const known = new Set(db.query("SELECT DISTINCT session_id FROM events").values().flat());
    for (let index = 0; index < rows; index++) {
      const isBlock = pick(0.1);
      const isOrphan = !isBlock && pick(0.1);
      const session = `s${Math.floor(dice.next() * sessions)}`;
      if (isBlock) snapshots.blockIds++;
      else if (isOrphan || !known.has(session)) snapshots.orphans++;
      const block = new Date(START_MS + (index % 50) * 3_600_000).toISOString();
      insertRow(db, "usage_snapshots", {
        session_id: isBlock ? block : isOrphan ? `gone-${index % 7}` : session,
        snapshot_data: json(index, snapshots),
        snapshot_type: (["stats", "config", "session"] as const)[index % 3] ?? "stats",
        timestamp: time(index, snapshots),
      });
    }
  })();
  return { events, snapshots };
}
