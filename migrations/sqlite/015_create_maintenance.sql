-- Migration: 015_create_maintenance
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
