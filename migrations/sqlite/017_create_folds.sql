-- Migration: 017_create_folds
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
