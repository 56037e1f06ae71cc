-- Migration: 019_create_usage_forgotten
-- Description: What was forgotten on request, as salted hashes: transcripts that are still there must not bring it back
-- Created: 2026-11-20

-- migrate:up

CREATE TABLE usage_forgotten (
  kind TEXT NOT NULL CHECK (kind IN ('salt', 'session', 'project', 'source', 'before')),
  -- the salt, a hash of a session's id, a project's name or a transcript's path, or a moment in epoch milliseconds
  value TEXT NOT NULL CHECK (value <> ''),
  forgotten_at INTEGER NOT NULL CHECK (forgotten_at BETWEEN 100000000000 AND 253402300799999),
  PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;

-- migrate:down
DROP TABLE usage_forgotten;
