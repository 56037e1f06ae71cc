-- Migration: 009_create_usage_limit_samples
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
