-- Migration: 013_add_session_births
-- Description: When a session's transcript was made: it decides which of two sessions had a message first
-- Created: 2026-11-20

-- migrate:up

-- Epoch milliseconds, the earliest known; NULL where there was no transcript. The time of a file, which may be any.
ALTER TABLE sessions ADD COLUMN born_at INTEGER CHECK (born_at BETWEEN 0 AND 253402300799999);

-- migrate:down
ALTER TABLE sessions DROP COLUMN born_at;
