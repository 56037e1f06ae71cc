-- Migration: 016_create_usage_session_totals
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
