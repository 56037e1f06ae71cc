-- Migration: 007_store_repeated_texts_once
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
