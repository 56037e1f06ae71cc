/** Written by `usagedb migrate bundle`; edit the migrations and write it again. */
import type { BundledMigration, MigrationBundle } from "../engine/source.ts";

const entries: readonly BundledMigration[] = [
  {
    version: 1,
    name: "create_sessions_and_events",
    fileName: "001_create_sessions_and_events.sql",
    sql: `-- Migration: 001_create_sessions_and_events
-- Description: Sessions, the parent of everything an agent does, and the hook events that belong to them
-- Created: 2026-11-20

-- migrate:up

-- Every time is INTEGER epoch milliseconds, UTC. The lower bound of the checks is 1973 in milliseconds, a
-- date far in the future in seconds: it refuses seconds, which once made a prune delete fresh rows.
CREATE TABLE sessions (
  session_id TEXT PRIMARY KEY CHECK (session_id <> ''),
  agent TEXT,
  project TEXT,
  started_at INTEGER CHECK (started_at BETWEEN 100000000000 AND 253402300799999),
  last_seen_at INTEGER CHECK (last_seen_at BETWEEN 100000000000 AND 253402300799999),
  created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
    CHECK (created_at BETWEEN 100000000000 AND 253402300799999),
  updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
    CHECK (updated_at BETWEEN 100000000000 AND 253402300799999)
) STRICT;

CREATE INDEX idx_sessions_last_seen_at ON sessions (last_seen_at);
CREATE INDEX idx_sessions_updated_at ON sessions (updated_at);

CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  source_app TEXT NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
  hook_event_type TEXT NOT NULL,
  payload TEXT NOT NULL CHECK (json_valid(payload)),
  chat TEXT CHECK (chat IS NULL OR json_valid(chat)),
  summary TEXT,
  model_name TEXT,
  timestamp INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
    CHECK (timestamp BETWEEN 100000000000 AND 253402300799999),
  dedupe_key TEXT
) STRICT;

CREATE UNIQUE INDEX idx_events_dedupe_key ON events (dedupe_key) WHERE dedupe_key IS NOT NULL;
CREATE INDEX idx_events_session_id ON events (session_id, timestamp);
CREATE INDEX idx_events_hook_event_type ON events (hook_event_type, timestamp);
CREATE INDEX idx_events_timestamp ON events (timestamp);

-- migrate:down
DROP TABLE events;
DROP TABLE sessions;
`,
  },
  {
    version: 2,
    name: "create_usage_config",
    fileName: "002_create_usage_config.sql",
    sql: `-- Migration: 002_create_usage_config
-- Description: The settings of usage monitoring, exactly one row of them active
-- Created: 2026-11-20

-- migrate:up

CREATE TABLE usage_config (
  id INTEGER PRIMARY KEY,
  plan TEXT NOT NULL DEFAULT 'custom' CHECK (plan IN ('pro', 'max5', 'max20', 'custom')),
  custom_limit_tokens INTEGER CHECK (custom_limit_tokens IS NULL OR custom_limit_tokens > 0),
  view TEXT NOT NULL DEFAULT 'realtime' CHECK (view IN ('realtime', 'daily', 'monthly', 'session')),
  timezone TEXT NOT NULL DEFAULT 'auto' CHECK (timezone <> ''),
  time_format TEXT NOT NULL DEFAULT 'auto' CHECK (time_format IN ('12h', '24h', 'auto')),
  theme TEXT NOT NULL DEFAULT 'auto' CHECK (theme IN ('light', 'dark', 'classic', 'auto')),
  refresh_rate INTEGER NOT NULL DEFAULT 10 CHECK (refresh_rate >= 1 AND refresh_rate <= 60),
  refresh_per_second REAL NOT NULL DEFAULT 0.75
    CHECK (refresh_per_second >= 0.1 AND refresh_per_second <= 20.0),
  reset_hour INTEGER CHECK (reset_hour IS NULL OR (reset_hour >= 0 AND reset_hour <= 23)),
  created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
    CHECK (created_at BETWEEN 100000000000 AND 253402300799999),
  updated_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
    CHECK (updated_at BETWEEN 100000000000 AND 253402300799999),
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1))
) STRICT;

CREATE UNIQUE INDEX idx_usage_config_active ON usage_config (is_active) WHERE is_active = 1;

-- For writers that do not set it themselves; it never goes back, even when the clock does.
CREATE TRIGGER trg_usage_config_updated_at
AFTER UPDATE ON usage_config
FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
  UPDATE usage_config
  SET updated_at = max(OLD.updated_at, CAST(unixepoch('subsec') * 1000 AS INTEGER))
  WHERE id = NEW.id;
END;

INSERT INTO usage_config DEFAULT VALUES;

-- migrate:down
DROP TABLE usage_config;
`,
  },
  {
    version: 3,
    name: "create_usage_snapshots",
    fileName: "003_create_usage_snapshots.sql",
    sql: `-- Migration: 003_create_usage_snapshots
-- Description: What usage looked like at a moment, one JSON document a row
-- Created: 2026-11-20

-- migrate:up

CREATE TABLE usage_snapshots (
  id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
  snapshot_data TEXT NOT NULL CHECK (json_valid(snapshot_data)),
  snapshot_type TEXT NOT NULL DEFAULT 'stats' CHECK (snapshot_type IN ('stats', 'config', 'session')),
  timestamp INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
    CHECK (timestamp BETWEEN 100000000000 AND 253402300799999)
) STRICT;

-- With session_id alone, the latest 50 of a session with 200,000 rows took 349 ms; with the time 0.03 ms.
CREATE INDEX idx_usage_snapshots_session_id ON usage_snapshots (session_id, timestamp);
CREATE INDEX idx_usage_snapshots_timestamp ON usage_snapshots (timestamp);
CREATE INDEX idx_usage_snapshots_type ON usage_snapshots (snapshot_type, timestamp);

-- migrate:down
DROP TABLE usage_snapshots;
`,
  },
  {
    version: 4,
    name: "create_bars_cache",
    fileName: "004_create_bars_cache.sql",
    sql: `-- Migration: 004_create_bars_cache
-- Description: Market bars by symbol, provider and timeframe
-- Created: 2026-11-20

-- migrate:up

-- Bars are older than computers, so their times may be negative; what is refused is 2 January to 26 April
-- 1970: every date from 1973 to 2286 falls there when it is given in seconds.
CREATE TABLE bars_cache (
  symbol TEXT NOT NULL CHECK (symbol <> ''),
  provider TEXT NOT NULL CHECK (provider <> ''),
  timeframe TEXT NOT NULL CHECK (timeframe <> ''),
  timestamp INTEGER NOT NULL
    CHECK (timestamp BETWEEN -62135596800000 AND 253402300799999
      AND timestamp NOT BETWEEN 100000000 AND 9999999999),
  open REAL NOT NULL,
  high REAL NOT NULL,
  low REAL NOT NULL,
  close REAL NOT NULL,
  volume REAL NOT NULL CHECK (volume >= 0),
  revision INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0),
  providerPriority INTEGER NOT NULL DEFAULT 0,
  insertedAt INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
    CHECK (insertedAt BETWEEN 100000000000 AND 253402300799999),
  PRIMARY KEY (symbol, provider, timeframe, timestamp)
) STRICT;

CREATE INDEX idx_bars_cache_lookup ON bars_cache (symbol, timeframe, timestamp);
CREATE INDEX idx_bars_cache_provider ON bars_cache (provider, symbol);

-- migrate:down
DROP TABLE bars_cache;
`,
  },
  {
    version: 5,
    name: "create_usage_messages",
    fileName: "005_create_usage_messages.sql",
    sql: `-- Migration: 005_create_usage_messages
-- Description: The ledger of tokens, one row a model response, and the transcript files they came from
-- Created: 2026-11-20

-- migrate:up

-- How far each transcript has been read. A row outlives its file.
CREATE TABLE usage_sources (
  source_id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  path TEXT NOT NULL UNIQUE,
  -- inode, size and modification time when last read: equal means there is nothing new
  stamp TEXT NOT NULL,
  offset_bytes INTEGER NOT NULL CHECK (offset_bytes >= 0),
  line_count INTEGER NOT NULL CHECK (line_count >= 0),
  -- hash of the bytes at the start and just before offset_bytes: changed means read again from 0
  edges_hash TEXT NOT NULL,
  malformed_count INTEGER NOT NULL DEFAULT 0 CHECK (malformed_count >= 0),
  read_at INTEGER NOT NULL CHECK (read_at BETWEEN 100000000000 AND 253402300799999),
  missing_since INTEGER CHECK (missing_since BETWEEN 100000000000 AND 253402300799999)
) STRICT;

CREATE TABLE usage_messages (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  message_id TEXT NOT NULL CHECK (message_id <> ''),
  -- '' where the agent gave none
  request_id TEXT NOT NULL DEFAULT '',
  -- no cascade: messages are never deleted by accident
  session_id TEXT NOT NULL REFERENCES sessions (session_id),
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  timestamp INTEGER NOT NULL CHECK (timestamp BETWEEN 100000000000 AND 253402300799999),
  is_sidechain INTEGER NOT NULL DEFAULT 0 CHECK (is_sidechain IN (0, 1)),
  input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
  output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
  cache_write_5m_tokens INTEGER NOT NULL CHECK (cache_write_5m_tokens >= 0),
  cache_write_1h_tokens INTEGER NOT NULL CHECK (cache_write_1h_tokens >= 0),
  cache_read_tokens INTEGER NOT NULL CHECK (cache_read_tokens >= 0),
  reported_cost_usd REAL,
  source_id INTEGER REFERENCES usage_sources (source_id),
  source_offset INTEGER
) STRICT;

CREATE UNIQUE INDEX idx_usage_messages_key ON usage_messages (message_id, request_id, agent);
CREATE INDEX idx_usage_messages_session_id ON usage_messages (session_id, timestamp);
CREATE INDEX idx_usage_messages_timestamp ON usage_messages (timestamp);

-- migrate:down
DROP TABLE usage_messages;
DROP TABLE usage_sources;
`,
  },
  {
    version: 6,
    name: "create_usage_rollups",
    fileName: "006_create_usage_rollups.sql",
    sql: `-- Migration: 006_create_usage_rollups
-- Description: Tokens by UTC hour, project, model and agent: what reports read, and what outlives every prune
-- Created: 2026-11-20

-- migrate:up

CREATE TABLE usage_rollups (
  hour INTEGER NOT NULL
    CHECK (hour BETWEEN 100000000000 AND 253402300799999 AND hour % 3600000 = 0),
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  agent TEXT NOT NULL,
  message_count INTEGER NOT NULL CHECK (message_count > 0),
  input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
  output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
  cache_write_5m_tokens INTEGER NOT NULL CHECK (cache_write_5m_tokens >= 0),
  cache_write_1h_tokens INTEGER NOT NULL CHECK (cache_write_1h_tokens >= 0),
  cache_read_tokens INTEGER NOT NULL CHECK (cache_read_tokens >= 0),
  reported_cost_usd REAL,
  PRIMARY KEY (hour, project, model, agent)
) STRICT, WITHOUT ROWID;

-- migrate:down
DROP TABLE usage_rollups;
`,
  },
  {
    version: 7,
    name: "store_repeated_texts_once",
    fileName: "007_store_repeated_texts_once.sql",
    sql: `-- Migration: 007_store_repeated_texts_once
-- Description: Session, project, model and agent of a message as numbers: a third less to keep for every message
-- Created: 2026-11-20

-- migrate:up

-- A message is a few numbers and five texts, of which three are the same in thousands of others. Readers see the
-- view, which has the columns that the table had.
CREATE TABLE usage_names (
  name_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO usage_names (name)
SELECT agent FROM usage_messages
UNION SELECT session_id FROM usage_messages
UNION SELECT project FROM usage_messages
UNION SELECT model FROM usage_messages
ORDER BY 1;

CREATE TABLE usage_message_rows (
  id INTEGER PRIMARY KEY,
  message_id TEXT NOT NULL CHECK (message_id <> ''),
  -- '' where the agent gave none
  request_id TEXT NOT NULL DEFAULT '',
  agent_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  session_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  project_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  model_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  -- the machine it was read on; NULL means this one
  host_name_id INTEGER REFERENCES usage_names (name_id),
  timestamp INTEGER NOT NULL CHECK (timestamp BETWEEN 100000000000 AND 253402300799999),
  is_sidechain INTEGER NOT NULL DEFAULT 0 CHECK (is_sidechain IN (0, 1)),
  input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
  output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
  cache_write_5m_tokens INTEGER NOT NULL CHECK (cache_write_5m_tokens >= 0),
  cache_write_1h_tokens INTEGER NOT NULL CHECK (cache_write_1h_tokens >= 0),
  cache_read_tokens INTEGER NOT NULL CHECK (cache_read_tokens >= 0),
  reported_cost_usd REAL,
  source_id INTEGER REFERENCES usage_sources (source_id),
  source_offset INTEGER
) STRICT;

INSERT INTO usage_message_rows (
  id, message_id, request_id, agent_name_id, session_name_id, project_name_id, model_name_id, timestamp, is_sidechain,
  input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reported_cost_usd,
  source_id, source_offset
)
SELECT
  m.id, m.message_id, m.request_id, agent.name_id, session.name_id, project.name_id, model.name_id, m.timestamp,
  m.is_sidechain, m.input_tokens, m.output_tokens, m.cache_write_5m_tokens, m.cache_write_1h_tokens,
  m.cache_read_tokens, m.reported_cost_usd, m.source_id, m.source_offset
FROM usage_messages AS m
LEFT JOIN usage_names AS agent ON agent.name = m.agent
LEFT JOIN usage_names AS session ON session.name = m.session_id
LEFT JOIN usage_names AS project ON project.name = m.project
LEFT JOIN usage_names AS model ON model.name = m.model;

DROP TABLE usage_messages;

CREATE UNIQUE INDEX idx_usage_message_rows_key ON usage_message_rows (message_id, request_id, agent_name_id);
CREATE INDEX idx_usage_message_rows_session ON usage_message_rows (session_name_id, timestamp);
CREATE INDEX idx_usage_message_rows_timestamp ON usage_message_rows (timestamp);

CREATE VIEW usage_messages AS
SELECT
  m.id,
  agent.name AS agent,
  m.message_id,
  m.request_id,
  session.name AS session_id,
  project.name AS project,
  model.name AS model,
  host.name AS host,
  m.timestamp,
  m.is_sidechain,
  m.input_tokens,
  m.output_tokens,
  m.cache_write_5m_tokens,
  m.cache_write_1h_tokens,
  m.cache_read_tokens,
  m.reported_cost_usd,
  m.source_id,
  m.source_offset
FROM usage_message_rows AS m
LEFT JOIN usage_names AS agent ON agent.name_id = m.agent_name_id
LEFT JOIN usage_names AS session ON session.name_id = m.session_name_id
LEFT JOIN usage_names AS project ON project.name_id = m.project_name_id
LEFT JOIN usage_names AS model ON model.name_id = m.model_name_id
LEFT JOIN usage_names AS host ON host.name_id = m.host_name_id;

-- migrate:down
DROP VIEW usage_messages;

CREATE TABLE usage_messages (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL,
  message_id TEXT NOT NULL CHECK (message_id <> ''),
  -- '' where the agent gave none
  request_id TEXT NOT NULL DEFAULT '',
  -- no cascade: messages are never deleted by accident
  session_id TEXT NOT NULL REFERENCES sessions (session_id),
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  timestamp INTEGER NOT NULL CHECK (timestamp BETWEEN 100000000000 AND 253402300799999),
  is_sidechain INTEGER NOT NULL DEFAULT 0 CHECK (is_sidechain IN (0, 1)),
  input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
  output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
  cache_write_5m_tokens INTEGER NOT NULL CHECK (cache_write_5m_tokens >= 0),
  cache_write_1h_tokens INTEGER NOT NULL CHECK (cache_write_1h_tokens >= 0),
  cache_read_tokens INTEGER NOT NULL CHECK (cache_read_tokens >= 0),
  reported_cost_usd REAL,
  source_id INTEGER REFERENCES usage_sources (source_id),
  source_offset INTEGER
) STRICT;

-- A session may have been forgotten since; its messages were not.
INSERT OR IGNORE INTO sessions (session_id)
SELECT n.name FROM usage_names AS n
WHERE n.name <> '' AND n.name_id IN (SELECT session_name_id FROM usage_message_rows);

INSERT INTO usage_messages
SELECT
  m.id, agent.name, m.message_id, m.request_id, session.name, project.name, model.name, m.timestamp, m.is_sidechain,
  m.input_tokens, m.output_tokens, m.cache_write_5m_tokens, m.cache_write_1h_tokens, m.cache_read_tokens,
  m.reported_cost_usd, m.source_id, m.source_offset
FROM usage_message_rows AS m
LEFT JOIN usage_names AS agent ON agent.name_id = m.agent_name_id
LEFT JOIN usage_names AS session ON session.name_id = m.session_name_id
LEFT JOIN usage_names AS project ON project.name_id = m.project_name_id
LEFT JOIN usage_names AS model ON model.name_id = m.model_name_id;

DROP TABLE usage_message_rows;
DROP TABLE usage_names;

CREATE UNIQUE INDEX idx_usage_messages_key ON usage_messages (message_id, request_id, agent);
CREATE INDEX idx_usage_messages_session_id ON usage_messages (session_id, timestamp);
CREATE INDEX idx_usage_messages_timestamp ON usage_messages (timestamp);
`,
  },
  {
    version: 8,
    name: "create_prices",
    fileName: "008_create_prices.sql",
    sql: `-- Migration: 008_create_prices
-- Description: What a token costs from when on, and what the hours cost by it
-- Created: 2026-11-20

-- migrate:up

-- Tokens are facts, dollars are derived: from the rates that held when a message was written. An override beats what
-- was repriced, which beats the catalogue; within a kind the latest that holds wins.
CREATE TABLE prices (
  price_id INTEGER PRIMARY KEY,
  model TEXT NOT NULL CHECK (model <> ''),
  kind TEXT NOT NULL CHECK (kind IN ('catalogue', 'repriced', 'override')),
  -- 0 means from the beginning
  valid_from INTEGER NOT NULL CHECK (valid_from = 0 OR valid_from BETWEEN 100000000000 AND 253402300799999),
  -- USD per million tokens, as JSON; NULL where the catalogue was asked and knows nothing
  rates TEXT CHECK (rates IS NULL OR json_valid(rates)),
  source TEXT NOT NULL,
  created_at INTEGER NOT NULL CHECK (created_at BETWEEN 100000000000 AND 253402300799999)
) STRICT;

CREATE UNIQUE INDEX idx_prices_key ON prices (model, kind, valid_from);

-- Millionths of a millionth of a dollar, so that sums are whole numbers and do not depend on their order; NULL where a
-- price is not known.
ALTER TABLE usage_rollups ADD COLUMN cost_picousd INTEGER;
-- The first and the last message of the hour: enough to build five-hour blocks from hours.
ALTER TABLE usage_rollups ADD COLUMN first_at INTEGER;
ALTER TABLE usage_rollups ADD COLUMN last_at INTEGER;

UPDATE usage_rollups AS r
SET (first_at, last_at) = (
  SELECT min(m.timestamp), max(m.timestamp)
  FROM usage_messages AS m
  WHERE m.timestamp >= r.hour AND m.timestamp < r.hour + 3600000
    AND m.project = r.project AND m.model = r.model AND m.agent = r.agent
);

-- migrate:down
DROP TABLE prices;
ALTER TABLE usage_rollups DROP COLUMN last_at;
ALTER TABLE usage_rollups DROP COLUMN first_at;
ALTER TABLE usage_rollups DROP COLUMN cost_picousd;
`,
  },
  {
    version: 9,
    name: "create_usage_limit_samples",
    fileName: "009_create_usage_limit_samples.sql",
    sql: `-- Migration: 009_create_usage_limit_samples
-- Description: What the agents' makers say of their limits, and an index for the list of an event's sources
-- Created: 2026-11-20

-- migrate:up

-- One row a change: a sample that says what the one before it in the same session said is not stored again.
CREATE TABLE usage_limit_samples (
  id INTEGER PRIMARY KEY,
  agent TEXT NOT NULL CHECK (agent <> ''),
  -- 'five_hour', 'seven_day', 'seven_day_opus': the maker's own name, or '<minutes>_minutes' where there is none
  limit_name TEXT NOT NULL CHECK (limit_name <> ''),
  -- the window's length: 300, 10080
  window_minutes INTEGER NOT NULL CHECK (window_minutes > 0),
  -- above 100 is seen in the field
  used_percent REAL NOT NULL CHECK (used_percent >= 0),
  resets_at INTEGER CHECK (resets_at BETWEEN 100000000000 AND 253402300799999),
  observed_at INTEGER NOT NULL CHECK (observed_at BETWEEN 100000000000 AND 253402300799999),
  -- no foreign key: a sample may come before its session and outlives it; '' where the agent named none
  session_id TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX idx_usage_limit_samples_observed_at ON usage_limit_samples (agent, limit_name, observed_at);
CREATE INDEX idx_usage_limit_samples_session_id ON usage_limit_samples (session_id, agent, limit_name, observed_at);

-- A million events list their sources in microseconds with it, by a scan of all of them without.
CREATE INDEX idx_events_source_app ON events (source_app, timestamp);

-- migrate:down
DROP TABLE usage_limit_samples;
DROP INDEX idx_events_source_app;
`,
  },
  {
    version: 10,
    name: "add_source_reader_state",
    fileName: "010_add_source_reader_state.sql",
    sql: `-- Migration: 010_add_source_reader_state
-- Description: What a reader has to know of the lines before its offset: running totals, the model in use
-- Created: 2026-11-20

-- migrate:up

-- Written with offset_bytes and meaningless without it; NULL where the lines of a file need no memory.
ALTER TABLE usage_sources ADD COLUMN reader_state TEXT CHECK (reader_state IS NULL OR json_valid(reader_state));

-- migrate:down
ALTER TABLE usage_sources DROP COLUMN reader_state;
`,
  },
  {
    version: 11,
    name: "create_usage_host",
    fileName: "011_create_usage_host.sql",
    sql: `-- Migration: 011_create_usage_host
-- Description: The name by which other machines know this database
-- Created: 2026-11-20

-- migrate:up

-- One row, made when something is first exported.
CREATE TABLE usage_host (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  host TEXT NOT NULL CHECK (host <> ''),
  created_at INTEGER NOT NULL CHECK (created_at BETWEEN 100000000000 AND 253402300799999)
) STRICT;

-- migrate:down
DROP TABLE usage_host;
`,
  },
  {
    version: 12,
    name: "create_views",
    fileName: "012_create_views.sql",
    sql: `-- Migration: 012_create_views
-- Description: Stable views for everybody's own SQL; docs/SQL.md tells what their columns mean
-- Created: 2026-11-20

-- migrate:up

-- By UTC day. A cost is NULL as soon as one price is not known: a sum without it would pass for the whole.
CREATE VIEW v_daily AS
SELECT
  strftime('%Y-%m-%d', hour / 1000, 'unixepoch') AS day,
  agent,
  project,
  model,
  sum(message_count) AS message_count,
  sum(input_tokens) AS input_tokens,
  sum(output_tokens) AS output_tokens,
  sum(cache_write_5m_tokens + cache_write_1h_tokens) AS cache_write_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens) AS total_tokens,
  CASE WHEN count(cost_picousd) = count(*) THEN sum(cost_picousd) / 1e12 END AS cost_usd
FROM usage_rollups
GROUP BY day, agent, project, model;

CREATE VIEW v_models AS
SELECT
  model,
  agent,
  min(coalesce(first_at, hour)) AS first_at,
  max(coalesce(last_at, hour)) AS last_at,
  sum(message_count) AS message_count,
  sum(input_tokens) AS input_tokens,
  sum(output_tokens) AS output_tokens,
  sum(cache_write_5m_tokens + cache_write_1h_tokens) AS cache_write_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens) AS total_tokens,
  CASE WHEN count(cost_picousd) = count(*) THEN sum(cost_picousd) / 1e12 END AS cost_usd
FROM usage_rollups
GROUP BY model, agent;

CREATE VIEW v_sessions AS
SELECT
  n.name AS session_id,
  s.agent AS agent,
  s.project AS project,
  m.first_at,
  m.last_at,
  m.message_count,
  m.input_tokens,
  m.output_tokens,
  m.cache_write_tokens,
  m.cache_read_tokens,
  m.input_tokens + m.output_tokens + m.cache_write_tokens + m.cache_read_tokens AS total_tokens
FROM (
  SELECT
    session_name_id,
    min(timestamp) AS first_at,
    max(timestamp) AS last_at,
    count(*) AS message_count,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_write_5m_tokens + cache_write_1h_tokens) AS cache_write_tokens,
    sum(cache_read_tokens) AS cache_read_tokens
  FROM usage_message_rows
  GROUP BY session_name_id
) AS m
JOIN usage_names AS n ON n.name_id = m.session_name_id
LEFT JOIN sessions AS s ON s.session_id = n.name;

-- Five-hour blocks of all agents together: one begins at the UTC hour of its first message, and the first message more
-- than five hours after that begins the next.
CREATE VIEW v_blocks AS
WITH RECURSIVE starts (first_at) AS (
  SELECT min(timestamp) FROM usage_message_rows
  UNION ALL
  SELECT (
    SELECT min(timestamp)
    FROM usage_message_rows
    WHERE timestamp > starts.first_at - starts.first_at % 3600000 + 18000000
  )
  FROM starts
  WHERE first_at IS NOT NULL
),
blocks AS (
  SELECT first_at - first_at % 3600000 AS start_at FROM starts WHERE first_at IS NOT NULL
)
SELECT
  b.start_at,
  b.start_at + 18000000 AS end_at,
  min(m.timestamp) AS first_at,
  max(m.timestamp) AS last_at,
  count(*) AS message_count,
  sum(m.input_tokens) AS input_tokens,
  sum(m.output_tokens) AS output_tokens,
  sum(m.cache_write_5m_tokens + m.cache_write_1h_tokens) AS cache_write_tokens,
  sum(m.cache_read_tokens) AS cache_read_tokens,
  sum(m.input_tokens + m.output_tokens + m.cache_write_5m_tokens + m.cache_write_1h_tokens + m.cache_read_tokens)
    AS total_tokens
FROM blocks AS b
JOIN usage_message_rows AS m
  -- The very end of a block belongs to it, and not to the one that begins there.
  ON m.timestamp <= b.start_at + 18000000
  AND m.timestamp >= b.start_at
  AND NOT EXISTS (
    SELECT 1 FROM blocks AS earlier
    WHERE earlier.start_at = b.start_at - 18000000 AND m.timestamp = b.start_at
  )
GROUP BY b.start_at;

-- migrate:down
DROP VIEW v_blocks;
DROP VIEW v_sessions;
DROP VIEW v_models;
DROP VIEW v_daily;
`,
  },
  {
    version: 13,
    name: "add_session_births",
    fileName: "013_add_session_births.sql",
    sql: `-- Migration: 013_add_session_births
-- Description: When a session's transcript was made: it decides which of two sessions had a message first
-- Created: 2026-11-20

-- migrate:up

-- Epoch milliseconds, the earliest known; NULL where there was no transcript. The time of a file, which may be any.
ALTER TABLE sessions ADD COLUMN born_at INTEGER CHECK (born_at BETWEEN 0 AND 253402300799999);

-- migrate:down
ALTER TABLE sessions DROP COLUMN born_at;
`,
  },
  {
    version: 14,
    name: "create_limits_view",
    fileName: "014_create_limits_view.sql",
    sql: `-- Migration: 014_create_limits_view
-- Description: What the agents' makers said last of each limit, for everybody's own SQL
-- Created: 2026-11-20

-- migrate:up

-- The newest sample of each limit, whichever session heard it; several of one moment: the highest.
CREATE VIEW v_limits AS
SELECT agent, limit_name, window_minutes, used_percent, resets_at, observed_at
FROM (
  SELECT
    agent,
    limit_name,
    window_minutes,
    used_percent,
    resets_at,
    observed_at,
    row_number() OVER (
      PARTITION BY agent, limit_name
      ORDER BY observed_at DESC, used_percent DESC, id DESC
    ) AS position
  FROM usage_limit_samples
)
WHERE position = 1;

-- migrate:down
DROP VIEW v_limits;
`,
  },
  {
    version: 15,
    name: "create_maintenance",
    fileName: "015_create_maintenance.sql",
    sql: `-- Migration: 015_create_maintenance
-- Description: What is kept how long, and which maintenance job ran when with what outcome
-- Created: 2026-11-20

-- migrate:up

-- What is kept how long is data. A value of NULL: the rule is switched off.
CREATE TABLE retention_policies (
  subject TEXT NOT NULL CHECK (subject <> ''),
  rule TEXT NOT NULL CHECK (rule <> ''),
  value INTEGER CHECK (value > 0),
  -- NULL: still the default that the program came with
  updated_at INTEGER CHECK (updated_at BETWEEN 100000000000 AND 253402300799999),
  PRIMARY KEY (subject, rule)
) STRICT, WITHOUT ROWID;

INSERT INTO retention_policies (subject, rule, value) VALUES
  ('snapshots', 'hourly_after_ms', 86400000),
  ('snapshots', 'daily_after_ms', 2592000000),
  ('snapshots', 'max_age_ms', NULL),
  ('snapshots', 'max_rows_per_session', NULL),
  ('snapshots', 'max_bytes', NULL),
  ('snapshots', 'compact_after_ms', NULL),
  ('events', 'max_age_ms', 7776000000),
  ('events', 'max_bytes', NULL),
  ('events', 'payload_max_bytes', NULL),
  ('events', 'compact_after_ms', 604800000),
  ('messages', 'max_age_ms', NULL),
  ('limit_samples', 'hourly_after_ms', 2592000000),
  ('limit_samples', 'max_age_ms', NULL),
  ('runs', 'max_age_ms', 7776000000),
  ('database', 'max_bytes', NULL);

-- One row a run of a job. It is written before the work begins, so that a run cut off shows.
CREATE TABLE maintenance_runs (
  id INTEGER PRIMARY KEY,
  job TEXT NOT NULL CHECK (job <> ''),
  started_at INTEGER NOT NULL CHECK (started_at BETWEEN 100000000000 AND 253402300799999),
  -- NULL while it runs, and when its process died: nobody knows when
  ended_at INTEGER CHECK (ended_at BETWEEN 100000000000 AND 253402300799999),
  outcome TEXT NOT NULL DEFAULT 'running'
    CHECK (outcome IN ('running', 'done', 'partial', 'cancelled', 'failed', 'interrupted')),
  rows INTEGER NOT NULL DEFAULT 0 CHECK (rows >= 0),
  bytes INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  detail TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail)),
  -- its code and message
  error TEXT,
  CHECK ((ended_at IS NULL) = (outcome IN ('running', 'interrupted')))
) STRICT;

CREATE INDEX idx_maintenance_runs_job ON maintenance_runs (job, started_at);
CREATE INDEX idx_maintenance_runs_running ON maintenance_runs (id) WHERE outcome = 'running';

-- migrate:down
DROP TABLE maintenance_runs;
DROP TABLE retention_policies;
`,
  },
  {
    version: 16,
    name: "create_usage_session_totals",
    fileName: "016_create_usage_session_totals.sql",
    sql: `-- Migration: 016_create_usage_session_totals
-- Description: Tokens by session, project, model and agent: a report of sessions no longer reads every message
-- Created: 2026-11-20

-- migrate:up
DROP VIEW v_sessions;

CREATE TABLE usage_session_totals (
  session_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  project_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  model_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  agent_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  message_count INTEGER NOT NULL CHECK (message_count > 0),
  input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
  output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
  cache_write_5m_tokens INTEGER NOT NULL CHECK (cache_write_5m_tokens >= 0),
  cache_write_1h_tokens INTEGER NOT NULL CHECK (cache_write_1h_tokens >= 0),
  cache_read_tokens INTEGER NOT NULL CHECK (cache_read_tokens >= 0),
  reported_cost_usd REAL,
  -- Millionths of a millionth of a dollar, of the messages that have a price, and how many have none.
  cost_picousd INTEGER NOT NULL,
  unpriced_count INTEGER NOT NULL CHECK (unpriced_count BETWEEN 0 AND message_count),
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (session_name_id, project_name_id, model_name_id, agent_name_id)
) STRICT, WITHOUT ROWID;

-- What each message costs by the prices that stand there: the rates of its model at its time, each of them the one of
-- the last tier that the request's input is above. A part without a rate of its own costs what the one before it does.
INSERT INTO usage_session_totals
SELECT
  session_name_id, project_name_id, model_name_id, agent_name_id, count(*), sum(input_tokens), sum(output_tokens),
  sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(cache_read_tokens), sum(reported_cost_usd),
  coalesce(sum(picousd), 0), count(*) - count(picousd), min(timestamp), max(timestamp)
FROM (
  SELECT m.*, (
    SELECT sum(tokens * CAST(round(1e6 * coalesce(
      (
        SELECT value ->> '$.price'
        FROM json_each(rate, '$.tiers')
        WHERE value ->> '$.start' < input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens
        ORDER BY key DESC
        LIMIT 1
      ),
      rate ->> '$.base',
      rate
    )) AS INTEGER))
    FROM (
      SELECT input_tokens AS tokens, rates ->> '$.input' AS rate
      UNION ALL SELECT output_tokens, rates ->> '$.output'
      UNION ALL SELECT cache_read_tokens, coalesce(rates ->> '$.cache_read', rates ->> '$.input')
      UNION ALL SELECT cache_write_5m_tokens, coalesce(rates ->> '$.cache_write_5m', rates ->> '$.input')
      UNION ALL
      SELECT
        cache_write_1h_tokens,
        coalesce(rates ->> '$.cache_write_1h', rates ->> '$.cache_write_5m', rates ->> '$.input')
    )
  ) AS picousd
  FROM (
    SELECT m.*, (
      SELECT p.rates
      FROM prices AS p
      JOIN usage_names AS n ON n.name = p.model
      WHERE n.name_id = m.model_name_id AND p.rates IS NOT NULL AND p.valid_from <= m.timestamp
      ORDER BY CASE p.kind WHEN 'override' THEN 0 WHEN 'repriced' THEN 1 ELSE 2 END, p.valid_from DESC
      LIMIT 1
    ) AS rates
    FROM usage_message_rows AS m
  ) AS m
)
GROUP BY session_name_id, project_name_id, model_name_id, agent_name_id;

CREATE VIEW v_sessions AS
SELECT
  n.name AS session_id,
  s.agent AS agent,
  s.project AS project,
  t.first_at,
  t.last_at,
  t.message_count,
  t.input_tokens,
  t.output_tokens,
  t.cache_write_tokens,
  t.cache_read_tokens,
  t.input_tokens + t.output_tokens + t.cache_write_tokens + t.cache_read_tokens AS total_tokens,
  t.cost_usd
FROM (
  SELECT
    session_name_id,
    min(first_at) AS first_at,
    max(last_at) AS last_at,
    sum(message_count) AS message_count,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_write_5m_tokens + cache_write_1h_tokens) AS cache_write_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    CASE WHEN sum(unpriced_count) = 0 THEN sum(cost_picousd) / 1e12 END AS cost_usd
  FROM usage_session_totals
  GROUP BY session_name_id
) AS t
JOIN usage_names AS n ON n.name_id = t.session_name_id
LEFT JOIN sessions AS s ON s.session_id = n.name;

-- migrate:down
DROP VIEW v_sessions;
DROP TABLE usage_session_totals;

CREATE VIEW v_sessions AS
SELECT
  n.name AS session_id,
  s.agent AS agent,
  s.project AS project,
  m.first_at,
  m.last_at,
  m.message_count,
  m.input_tokens,
  m.output_tokens,
  m.cache_write_tokens,
  m.cache_read_tokens,
  m.input_tokens + m.output_tokens + m.cache_write_tokens + m.cache_read_tokens AS total_tokens
FROM (
  SELECT
    session_name_id,
    min(timestamp) AS first_at,
    max(timestamp) AS last_at,
    count(*) AS message_count,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sum(cache_write_5m_tokens + cache_write_1h_tokens) AS cache_write_tokens,
    sum(cache_read_tokens) AS cache_read_tokens
  FROM usage_message_rows
  GROUP BY session_name_id
) AS m
JOIN usage_names AS n ON n.name_id = m.session_name_id
LEFT JOIN sessions AS s ON s.session_id = n.name;
`,
  },
  {
    version: 17,
    name: "create_folds",
    fileName: "017_create_folds.sql",
    sql: `-- Migration: 017_create_folds
-- Description: What deleted rows leave behind: their sums, and by what they are known again
-- Created: 2026-11-20

-- migrate:up

-- Fold before delete: each row that maintenance deletes is first added to one of these sums, in the same transaction.
CREATE TABLE event_rollups (
  hour INTEGER NOT NULL
    CHECK (hour BETWEEN 100000000000 AND 253402300799999 AND hour % 3600000 = 0),
  source_app TEXT NOT NULL,
  hook_event_type TEXT NOT NULL,
  -- '' where the event named none
  model_name TEXT NOT NULL,
  event_count INTEGER NOT NULL CHECK (event_count > 0),
  payload_bytes INTEGER NOT NULL CHECK (payload_bytes >= 0),
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL CHECK (last_at >= first_at),
  PRIMARY KEY (hour, source_app, hook_event_type, model_name)
) STRICT, WITHOUT ROWID;

-- 64 bits of a hash of a deleted event's dedupe_key: a transcript that is read again must not count it twice.
CREATE TABLE event_fold_keys (
  event_hash INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE usage_snapshot_rollups (
  -- the start of the UTC day
  day INTEGER NOT NULL
    CHECK (day BETWEEN 100000000000 AND 253402300799999 AND day % 86400000 = 0),
  session_id TEXT NOT NULL,
  snapshot_type TEXT NOT NULL,
  snapshot_count INTEGER NOT NULL CHECK (snapshot_count > 0),
  data_bytes INTEGER NOT NULL CHECK (data_bytes >= 0),
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL CHECK (last_at >= first_at),
  PRIMARY KEY (day, session_id, snapshot_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_limit_sample_rollups (
  hour INTEGER NOT NULL
    CHECK (hour BETWEEN 100000000000 AND 253402300799999 AND hour % 3600000 = 0),
  agent TEXT NOT NULL,
  limit_name TEXT NOT NULL,
  sample_count INTEGER NOT NULL CHECK (sample_count > 0),
  lowest_percent REAL NOT NULL,
  highest_percent REAL NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL CHECK (last_at >= first_at),
  PRIMARY KEY (hour, agent, limit_name)
) STRICT, WITHOUT ROWID;

-- Deleted messages by quarter of an hour, because the days of every zone begin at one; cut where a price changed. The
-- very first millisecond of an hour is apart, because a block that ends there has it.
CREATE TABLE usage_message_folds (
  slice_at INTEGER NOT NULL CHECK (slice_at BETWEEN 100000000000 AND 253402300799999),
  session_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  project_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  model_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  agent_name_id INTEGER NOT NULL REFERENCES usage_names (name_id),
  -- the price tier of the requests: inputs above this
  tier_start INTEGER NOT NULL CHECK (tier_start >= 0),
  message_count INTEGER NOT NULL CHECK (message_count > 0),
  input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
  output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
  cache_write_5m_tokens INTEGER NOT NULL CHECK (cache_write_5m_tokens >= 0),
  cache_write_1h_tokens INTEGER NOT NULL CHECK (cache_write_1h_tokens >= 0),
  cache_read_tokens INTEGER NOT NULL CHECK (cache_read_tokens >= 0),
  reported_cost_usd REAL,
  -- the largest input of one request
  request_tokens INTEGER NOT NULL CHECK (request_tokens >= 0),
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL CHECK (last_at >= first_at),
  PRIMARY KEY (slice_at, session_name_id, project_name_id, model_name_id, agent_name_id, tier_start)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_usage_message_folds_first_at ON usage_message_folds (first_at);
CREATE INDEX idx_usage_message_folds_session ON usage_message_folds (session_name_id);

-- By what a deleted message is known again: 64 bits of a hash of its agent and id; and of its request, with whether it
-- had one, and whether it stood on a sidechain.
CREATE TABLE usage_message_fold_keys (
  message_hash INTEGER NOT NULL,
  request_hash INTEGER NOT NULL,
  PRIMARY KEY (message_hash, request_hash)
) STRICT, WITHOUT ROWID;

-- How far a job has come: everything before until_at is done, of the rows up to last_id.
CREATE TABLE retention_progress (
  rule TEXT PRIMARY KEY CHECK (rule <> ''),
  until_at INTEGER NOT NULL,
  last_id INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What the clock showed when maintenance ran last, and how long the machine had run then: what the clock is held
-- against by a process that starts later.
CREATE TABLE clock_references (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  -- the machine's name for the time since it was started; '' where it has none
  boot_id TEXT NOT NULL,
  uptime_ms INTEGER NOT NULL CHECK (uptime_ms >= 0),
  wall_at INTEGER NOT NULL CHECK (wall_at BETWEEN 100000000000 AND 253402300799999),
  -- time that passed while the machine was off, says the clock alone; ages are counted without it
  unproved_ms INTEGER NOT NULL DEFAULT 0 CHECK (unproved_ms >= 0),
  -- since when, by the clock, that is so
  unproved_since INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What is there and what was folded, together: the same before and after.
CREATE VIEW v_events AS
SELECT
  strftime('%Y-%m-%d', hour / 1000, 'unixepoch') AS day,
  source_app,
  hook_event_type,
  nullif(model_name, '') AS model_name,
  sum(event_count) AS event_count,
  sum(payload_bytes) AS payload_bytes,
  min(first_at) AS first_at,
  max(last_at) AS last_at
FROM (
  SELECT hour, source_app, hook_event_type, model_name, event_count, payload_bytes, first_at, last_at
  FROM event_rollups
  UNION ALL
  SELECT
    timestamp - timestamp % 86400000,
    source_app,
    hook_event_type,
    coalesce(model_name, ''),
    count(*),
    -- A compacted payload is a short text that says how long it was; longer ones are not looked at.
    sum(CASE
      WHEN octet_length(payload) < 48 AND payload GLOB '{"usagedb_compacted":[1-9]*}'
        THEN CAST(payload ->> '$.usagedb_compacted' AS INTEGER)
      ELSE octet_length(payload)
    END),
    min(timestamp),
    max(timestamp)
  FROM events
  GROUP BY 1, 2, 3, 4
)
GROUP BY day, source_app, hook_event_type, model_name;

CREATE VIEW v_snapshots AS
SELECT
  strftime('%Y-%m-%d', day / 1000, 'unixepoch') AS day,
  session_id,
  snapshot_type,
  sum(kept_count + folded_count) AS snapshot_count,
  sum(kept_count) AS kept_count,
  min(first_at) AS first_at,
  max(last_at) AS last_at
FROM (
  SELECT day, session_id, snapshot_type, 0 AS kept_count, snapshot_count AS folded_count, first_at, last_at
  FROM usage_snapshot_rollups
  UNION ALL
  SELECT
    timestamp - timestamp % 86400000,
    session_id,
    snapshot_type,
    count(*),
    0,
    min(timestamp),
    max(timestamp)
  FROM usage_snapshots
  GROUP BY 1, 2, 3
)
GROUP BY day, session_id, snapshot_type;

DROP VIEW v_blocks;

-- Five-hour blocks of all agents together: one begins at the UTC hour of its first message, and the first message more
-- than five hours after that begins the next. What was folded lies where its first message was.
CREATE VIEW v_blocks AS
WITH RECURSIVE starts (first_at) AS (
  SELECT min(at) FROM (
    SELECT min(timestamp) AS at FROM usage_message_rows
    UNION ALL SELECT min(first_at) FROM usage_message_folds
  )
  UNION ALL
  SELECT (
    SELECT min(at) FROM (
      SELECT min(timestamp) AS at
      FROM usage_message_rows
      WHERE timestamp > starts.first_at - starts.first_at % 3600000 + 18000000
      UNION ALL
      SELECT min(f.first_at)
      FROM usage_message_folds AS f
      WHERE f.first_at > starts.first_at - starts.first_at % 3600000 + 18000000
    )
  )
  FROM starts
  WHERE first_at IS NOT NULL
),
edges AS (
  SELECT first_at - first_at % 3600000 AS start_at FROM starts WHERE first_at IS NOT NULL
),
blocks AS (
  -- The very end of a block belongs to it, and not to the one that begins there.
  SELECT
    start_at,
    start_at + EXISTS (SELECT 1 FROM edges AS e WHERE e.start_at = edges.start_at - 18000000) AS from_at
  FROM edges
)
SELECT
  start_at,
  start_at + 18000000 AS end_at,
  min(first_at) AS first_at,
  max(last_at) AS last_at,
  sum(message_count) AS message_count,
  sum(input_tokens) AS input_tokens,
  sum(output_tokens) AS output_tokens,
  sum(cache_write_tokens) AS cache_write_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(input_tokens + output_tokens + cache_write_tokens + cache_read_tokens) AS total_tokens
FROM (
  SELECT
    b.start_at,
    m.timestamp AS first_at,
    m.timestamp AS last_at,
    1 AS message_count,
    m.input_tokens,
    m.output_tokens,
    m.cache_write_5m_tokens + m.cache_write_1h_tokens AS cache_write_tokens,
    m.cache_read_tokens
  FROM blocks AS b
  JOIN usage_message_rows AS m ON m.timestamp >= b.from_at AND m.timestamp <= b.start_at + 18000000
  UNION ALL
  SELECT
    b.start_at,
    f.first_at,
    f.last_at,
    f.message_count,
    f.input_tokens,
    f.output_tokens,
    f.cache_write_5m_tokens + f.cache_write_1h_tokens,
    f.cache_read_tokens
  FROM blocks AS b
  JOIN usage_message_folds AS f ON f.first_at >= b.from_at AND f.first_at <= b.start_at + 18000000
)
GROUP BY start_at;

-- migrate:down
DROP VIEW v_blocks;
DROP VIEW v_snapshots;
DROP VIEW v_events;
DROP TABLE clock_references;
DROP TABLE retention_progress;
DROP TABLE usage_message_fold_keys;
DROP TABLE usage_message_folds;
DROP TABLE usage_limit_sample_rollups;
DROP TABLE usage_snapshot_rollups;
DROP TABLE event_fold_keys;
DROP TABLE event_rollups;

-- Five-hour blocks of all agents together: one begins at the UTC hour of its first message, and the first message more
-- than five hours after that begins the next.
CREATE VIEW v_blocks AS
WITH RECURSIVE starts (first_at) AS (
  SELECT min(timestamp) FROM usage_message_rows
  UNION ALL
  SELECT (
    SELECT min(timestamp)
    FROM usage_message_rows
    WHERE timestamp > starts.first_at - starts.first_at % 3600000 + 18000000
  )
  FROM starts
  WHERE first_at IS NOT NULL
),
blocks AS (
  SELECT first_at - first_at % 3600000 AS start_at FROM starts WHERE first_at IS NOT NULL
)
SELECT
  b.start_at,
  b.start_at + 18000000 AS end_at,
  min(m.timestamp) AS first_at,
  max(m.timestamp) AS last_at,
  count(*) AS message_count,
  sum(m.input_tokens) AS input_tokens,
  sum(m.output_tokens) AS output_tokens,
  sum(m.cache_write_5m_tokens + m.cache_write_1h_tokens) AS cache_write_tokens,
  sum(m.cache_read_tokens) AS cache_read_tokens,
  sum(m.input_tokens + m.output_tokens + m.cache_write_5m_tokens + m.cache_write_1h_tokens + m.cache_read_tokens)
    AS total_tokens
FROM blocks AS b
JOIN usage_message_rows AS m
  -- The very end of a block belongs to it, and not to the one that begins there.
  ON m.timestamp <= b.start_at + 18000000
  AND m.timestamp >= b.start_at
  AND NOT EXISTS (
    SELECT 1 FROM blocks AS earlier
    WHERE earlier.start_at = b.start_at - 18000000 AND m.timestamp = b.start_at
  )
GROUP BY b.start_at;
`,
  },
  {
    version: 18,
    name: "add_compacted_payloads",
    fileName: "018_add_compacted_payloads.sql",
    sql: `-- Migration: 018_add_compacted_payloads
-- Description: Room for old payloads as zstd frames, beside a small JSON text that says how long they were
-- Created: 2026-11-20

-- migrate:up

-- A row is compacted when its frame is there. Checks on the columns would read the whole table now.
ALTER TABLE events ADD COLUMN payload_zstd BLOB;
ALTER TABLE events ADD COLUMN chat_zstd BLOB;
ALTER TABLE usage_snapshots ADD COLUMN snapshot_data_zstd BLOB;

-- Whoever writes the text of a compacted row has to take the frame away as well, or readers would go on seeing what
-- was there before. Rows are never inserted compacted, so inserting costs nothing more.
CREATE TRIGGER trg_events_compacted
BEFORE UPDATE OF payload, payload_zstd, chat, chat_zstd ON events
FOR EACH ROW
WHEN (NEW.payload_zstd IS NOT NULL AND NEW.payload NOT GLOB '{"usagedb_compacted":[1-9]*}')
  OR (NEW.chat_zstd IS NOT NULL AND coalesce(NEW.chat, '') NOT GLOB '{"usagedb_compacted":[1-9]*}')
BEGIN
  SELECT RAISE(ABORT, 'the row is compacted: set payload_zstd or chat_zstd to NULL as well');
END;

CREATE TRIGGER trg_usage_snapshots_compacted
BEFORE UPDATE OF snapshot_data, snapshot_data_zstd ON usage_snapshots
FOR EACH ROW
WHEN NEW.snapshot_data_zstd IS NOT NULL AND NEW.snapshot_data NOT GLOB '{"usagedb_compacted":[1-9]*}'
BEGIN
  SELECT RAISE(ABORT, 'the row is compacted: set snapshot_data_zstd to NULL as well');
END;

-- migrate:down

-- No SQL can expand a frame, so the columns go only when nothing is in them.
CREATE TABLE compacted_rows (
  row_count INTEGER
    CONSTRAINT "run \`usagedb config retention set events.compact_after off\` (and snapshots.), then \`usagedb maintain compact\`"
    CHECK (row_count = 0)
) STRICT;
INSERT INTO compacted_rows
SELECT
  (
    SELECT count(*)
    FROM events
    WHERE (payload_zstd IS NOT NULL AND payload GLOB '{"usagedb_compacted":[1-9]*}')
      OR (chat_zstd IS NOT NULL AND chat GLOB '{"usagedb_compacted":[1-9]*}')
  ) + (
    SELECT count(*)
    FROM usage_snapshots
    WHERE snapshot_data_zstd IS NOT NULL AND snapshot_data GLOB '{"usagedb_compacted":[1-9]*}'
  );
DROP TABLE compacted_rows;
DROP TRIGGER trg_usage_snapshots_compacted;
DROP TRIGGER trg_events_compacted;
ALTER TABLE usage_snapshots DROP COLUMN snapshot_data_zstd;
ALTER TABLE events DROP COLUMN chat_zstd;
ALTER TABLE events DROP COLUMN payload_zstd;
`,
  },
];

export const migrations: MigrationBundle = {
  stamp: "bundle:656add894f6b54a0010f3df8b93a574ea5cf88e072882ad27b24a50e5837a644",
  versions: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
  load: () => entries,
};
