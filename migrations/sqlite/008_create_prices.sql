-- Migration: 008_create_prices
-- Description: What a token costs from when on, and what the hours cost by it
-- Created: 2026-11-20

-- migrate:up

-- Tokens are facts, dollars are derived: from the rates that held when a message was written. An override beats what
-- was repriced, which beats the catalogue; within a kind the latest that holds wins.
CREATE TABLE prices (
  price_id INTEGER PRIMARY KEY,
  model TEXT NOT NULL CHECK (model <> ''),
  kind TEXT NOT NULL CHECK (kind IN ('catalogue', 'repriced', 'override')),
  -- 0 means from the beginning
  valid_from INTEGER NOT NULL CHECK (valid_from = 0 OR valid_from BETWEEN 100000000000 AND 253402300799999),
  -- USD per million tokens, as JSON; NULL where the catalogue was asked and knows nothing
  rates TEXT CHECK (rates IS NULL OR json_valid(rates)),
  source TEXT NOT NULL,
  created_at INTEGER NOT NULL CHECK (created_at BETWEEN 100000000000 AND 253402300799999)
) STRICT;

CREATE UNIQUE INDEX idx_prices_key ON prices (model, kind, valid_from);

-- Millionths of a millionth of a dollar, so that sums are whole numbers and do not depend on their order; NULL where a
-- price is not known.
ALTER TABLE usage_rollups ADD COLUMN cost_picousd INTEGER;
-- The first and the last message of the hour: enough to build five-hour blocks from hours.
ALTER TABLE usage_rollups ADD COLUMN first_at INTEGER;
ALTER TABLE usage_rollups ADD COLUMN last_at INTEGER;

UPDATE usage_rollups AS r
SET (first_at, last_at) = (
  SELECT min(m.timestamp), max(m.timestamp)
  FROM usage_messages AS m
  WHERE m.timestamp >= r.hour AND m.timestamp < r.hour + 3600000
    AND m.project = r.project AND m.model = r.model AND m.agent = r.agent
);

-- migrate:down
DROP TABLE prices;
ALTER TABLE usage_rollups DROP COLUMN last_at;
ALTER TABLE usage_rollups DROP COLUMN first_at;
ALTER TABLE usage_rollups DROP COLUMN cost_picousd;
