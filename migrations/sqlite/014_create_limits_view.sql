-- Migration: 014_create_limits_view
-- Description: What the agents' makers said last of each limit, for everybody's own SQL
-- Created: 2026-11-20

-- migrate:up

-- The newest sample of each limit, whichever session heard it; several of one moment: the highest.
CREATE VIEW v_limits AS
SELECT agent, limit_name, window_minutes, used_percent, resets_at, observed_at
FROM (
  SELECT
    agent,
    limit_name,
    window_minutes,
    used_percent,
    resets_at,
    observed_at,
    row_number() OVER (
      PARTITION BY agent, limit_name
      ORDER BY observed_at DESC, used_percent DESC, id DESC
    ) AS position
  FROM usage_limit_samples
)
WHERE position = 1;

-- migrate:down
DROP VIEW v_limits;
