-- Migration: 004_create_bars_cache
-- Description: Market bars by symbol, provider and timeframe
-- Created: 2026-11-20

-- migrate:up

-- Bars are older than computers, so their times may be negative; what is refused is 2 January to 26 April
-- 1970: every date from 1973 to 2286 falls there when it is given in seconds.
CREATE TABLE bars_cache (
  symbol TEXT NOT NULL CHECK (symbol <> ''),
  provider TEXT NOT NULL CHECK (provider <> ''),
  timeframe TEXT NOT NULL CHECK (timeframe <> ''),
  timestamp INTEGER NOT NULL
    CHECK (timestamp BETWEEN -62135596800000 AND 253402300799999
      AND timestamp NOT BETWEEN 100000000 AND 9999999999),
  open REAL NOT NULL,
  high REAL NOT NULL,
  low REAL NOT NULL,
  close REAL NOT NULL,
  volume REAL NOT NULL CHECK (volume >= 0),
  revision INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0),
  providerPriority INTEGER NOT NULL DEFAULT 0,
  insertedAt INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
    CHECK (insertedAt BETWEEN 100000000000 AND 253402300799999),
  PRIMARY KEY (symbol, provider, timeframe, timestamp)
) STRICT;

CREATE INDEX idx_bars_cache_lookup ON bars_cache (symbol, timeframe, timestamp);
CREATE INDEX idx_bars_cache_provider ON bars_cache (provider, symbol);

-- migrate:down
DROP TABLE bars_cache;
