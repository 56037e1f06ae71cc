-- Migration: 006_create_usage_rollups
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
