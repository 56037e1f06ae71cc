-- Migration: 010_add_source_reader_state
-- Description: What a reader has to know of the lines before its offset: running totals, the model in use
-- Created: 2026-11-20

-- migrate:up

-- Written with offset_bytes and meaningless without it; NULL where the lines of a file need no memory.
ALTER TABLE usage_sources ADD COLUMN reader_state TEXT CHECK (reader_state IS NULL OR json_valid(reader_state));

-- migrate:down
ALTER TABLE usage_sources DROP COLUMN reader_state;
