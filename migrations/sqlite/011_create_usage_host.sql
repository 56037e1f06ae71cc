-- Migration: 011_create_usage_host
-- Description: The name by which other machines know this database
-- Created: 2026-11-20

-- migrate:up

-- One row, made when something is first exported.
CREATE TABLE usage_host (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  host TEXT NOT NULL CHECK (host <> ''),
  created_at INTEGER NOT NULL CHECK (created_at BETWEEN 100000000000 AND 253402300799999)
) STRICT;

-- migrate:down
DROP TABLE usage_host;
