-- Migration: 012_create_views
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
