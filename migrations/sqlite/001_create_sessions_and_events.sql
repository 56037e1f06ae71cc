-- Migration: 001_create_sessions_and_events
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
