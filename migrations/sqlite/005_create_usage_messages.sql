-- Migration: 005_create_usage_messages
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
