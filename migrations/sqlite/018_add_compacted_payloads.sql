-- Migration: 018_add_compacted_payloads
-- Description: Room for old payloads as zstd frames, beside a small JSON text that says how long they were
-- Created: 2026-11-20

-- migrate:up

-- A row is compacted when its frame is there. Checks on the columns would read the whole table now.
ALTER TABLE events ADD COLUMN payload_zstd BLOB;
ALTER TABLE events ADD COLUMN chat_zstd BLOB;
ALTER TABLE usage_snapshots ADD COLUMN snapshot_data_zstd BLOB;

-- Whoever writes the text of a compacted row has to take the frame away as well, or readers would go on seeing what
-- was there before. Rows are never inserted compacted, so inserting costs nothing more.
CREATE TRIGGER trg_events_compacted
BEFORE UPDATE OF payload, payload_zstd, chat, chat_zstd ON events
FOR EACH ROW
WHEN (NEW.payload_zstd IS NOT NULL AND NEW.payload NOT GLOB '{"usagedb_compacted":[1-9]*}')
  OR (NEW.chat_zstd IS NOT NULL AND coalesce(NEW.chat, '') NOT GLOB '{"usagedb_compacted":[1-9]*}')
BEGIN
  SELECT RAISE(ABORT, 'the row is compacted: set payload_zstd or chat_zstd to NULL as well');
END;

CREATE TRIGGER trg_usage_snapshots_compacted
BEFORE UPDATE OF snapshot_data, snapshot_data_zstd ON usage_snapshots
FOR EACH ROW
WHEN NEW.snapshot_data_zstd IS NOT NULL AND NEW.snapshot_data NOT GLOB '{"usagedb_compacted":[1-9]*}'
BEGIN
  SELECT RAISE(ABORT, 'the row is compacted: set snapshot_data_zstd to NULL as well');
END;

-- migrate:down

-- No SQL can expand a frame, so the columns go only when nothing is in them.
CREATE TABLE compacted_rows (
  row_count INTEGER
    CONSTRAINT "run `usagedb config retention set events.compact_after off` (and snapshots.), then `usagedb maintain compact`"
    CHECK (row_count = 0)
) STRICT;
INSERT INTO compacted_rows
SELECT
  (
    SELECT count(*)
    FROM events
    WHERE (payload_zstd IS NOT NULL AND payload GLOB '{"usagedb_compacted":[1-9]*}')
      OR (chat_zstd IS NOT NULL AND chat GLOB '{"usagedb_compacted":[1-9]*}')
  ) + (
    SELECT count(*)
    FROM usage_snapshots
    WHERE snapshot_data_zstd IS NOT NULL AND snapshot_data GLOB '{"usagedb_compacted":[1-9]*}'
  );
DROP TABLE compacted_rows;
DROP TRIGGER trg_usage_snapshots_compacted;
DROP TRIGGER trg_events_compacted;
ALTER TABLE usage_snapshots DROP COLUMN snapshot_data_zstd;
ALTER TABLE events DROP COLUMN chat_zstd;
ALTER TABLE events DROP COLUMN payload_zstd;
