-- The queries that run often, or over much, with the plans that they need. They are those of src/store, src/report and
-- src/retention, word for word: a test runs that code and compares.

-- unused-index: idx_bars_cache_provider: an index of the seed documents, for those who look at bars by provider
-- unused-index: idx_events_hook_event_type: an index of the seed documents, for those who look at events by type
-- unused-index: idx_events_source_app: lists of an event's sources jump through it, value by value
-- unindexed-key: usage_message_rows (agent_name_id): names are never deleted, and every message would pay for the index
-- unindexed-key: usage_message_rows (project_name_id): names are never deleted, and every message would pay for the index
-- unindexed-key: usage_message_rows (model_name_id): names are never deleted, and every message would pay for the index
-- unindexed-key: usage_message_rows (host_name_id): names are never deleted, and every message would pay for the index
-- unindexed-key: usage_message_rows (source_id): sources are never deleted, and every message would pay for the index
-- unindexed-key: usage_session_totals (project_name_id): names are never deleted
-- unindexed-key: usage_session_totals (model_name_id): names are never deleted
-- unindexed-key: usage_session_totals (agent_name_id): names are never deleted
-- unindexed-key: usage_message_folds (project_name_id): names are never deleted
-- unindexed-key: usage_message_folds (model_name_id): names are never deleted
-- unindexed-key: usage_message_folds (agent_name_id): names are never deleted

-- query: a session
-- expect: SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (session_id=?)
SELECT session_id, agent, project, started_at, last_seen_at, created_at, updated_at, born_at FROM sessions WHERE session_id = ?;

-- query: the sessions seen last
-- expect: SCAN sessions USING INDEX idx_sessions_last_seen_at
-- expect: USE TEMP B-TREE FOR LAST TERM OF ORDER BY
SELECT session_id, agent, project, started_at, last_seen_at, created_at, updated_at, born_at FROM sessions ORDER BY last_seen_at DESC, session_id LIMIT ?;

-- query: the newest write that bears the clock out
-- expect: SCAN CONSTANT ROW
-- expect: SCALAR SUBQUERY 1
-- expect:   SEARCH schema_migrations USING COVERING INDEX idx_schema_migrations_applied_at
-- expect: SCALAR SUBQUERY 2
-- expect:   SEARCH sessions USING COVERING INDEX idx_sessions_updated_at
-- expect: SCALAR SUBQUERY 3
-- expect:   SEARCH usage_sources
SELECT max(
  coalesce((SELECT max(applied_at) FROM schema_migrations), 0),
  coalesce((SELECT max(updated_at) FROM sessions), 0),
  coalesce((SELECT max(read_at) FROM usage_sources), 0));

-- query: an event by its key
-- expect: SEARCH events USING COVERING INDEX idx_events_dedupe_key (dedupe_key=?)
SELECT 1 FROM events WHERE dedupe_key = ?;

-- query: the newest events
-- expect: SCAN events USING INDEX idx_events_timestamp
SELECT id, source_app, session_id, hook_event_type, coalesce(payload_zstd, payload) AS payload, coalesce(chat_zstd, chat) AS chat, summary, model_name, timestamp, dedupe_key FROM events ORDER BY timestamp DESC, id DESC LIMIT ?;

-- query: the same event within a while
-- expect: SEARCH events USING INDEX idx_events_dedupe_key (dedupe_key>? AND dedupe_key<?)
SELECT 1 FROM events WHERE dedupe_key >= ?1 || '@' AND dedupe_key < ?1 || 'A' AND timestamp BETWEEN ?2 AND ?3 LIMIT 1;

-- query: the events since one
-- expect: SEARCH events USING INTEGER PRIMARY KEY (rowid>?)
SELECT id, source_app, session_id, hook_event_type, coalesce(payload_zstd, payload) AS payload, coalesce(chat_zstd, chat) AS chat, summary, model_name, timestamp, dedupe_key FROM events WHERE id > ? ORDER BY id LIMIT ?;

-- query: the event stored last
-- expect: SEARCH events
SELECT max(id) FROM events;

-- query: the last limit that a session told
-- expect: SEARCH usage_limit_samples USING INDEX idx_usage_limit_samples_session_id (session_id=? AND agent=? AND limit_name=?)
SELECT used_percent, resets_at, window_minutes FROM usage_limit_samples WHERE session_id = ? AND agent = ? AND limit_name = ? ORDER BY observed_at DESC, id DESC LIMIT 1;

-- query: the last that is known of a limit
-- expect: SEARCH usage_limit_samples USING INDEX idx_usage_limit_samples_observed_at (agent=? AND limit_name=?)
SELECT id, agent, limit_name, window_minutes, used_percent, resets_at, observed_at, session_id FROM usage_limit_samples WHERE agent = ? AND limit_name = ? ORDER BY observed_at DESC, id DESC LIMIT 1;

-- query: the sum of some hours
-- expect: SEARCH usage_rollups USING PRIMARY KEY (hour>? AND hour<?)
SELECT sum(input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens), sum(cost_picousd), count(cost_picousd), count(*) FROM usage_rollups WHERE hour >= ? AND hour < ?;

-- query: the hours that a block may hang on
-- expect: SEARCH usage_rollups USING PRIMARY KEY (hour>? AND hour<?)
SELECT hour, min(coalesce(first_at, hour)), max(coalesce(last_at, hour)) FROM usage_rollups WHERE hour >= ? AND hour < ? AND agent = ? GROUP BY hour ORDER BY hour;

-- query: the active settings
-- expect: SEARCH usage_config USING INDEX idx_usage_config_active (is_active=?)
SELECT id, plan, custom_limit_tokens, view, timezone, time_format, theme, refresh_rate, refresh_per_second, reset_hour, created_at, updated_at, is_active FROM usage_config WHERE is_active = 1;

-- query: the newest snapshots
-- expect: SCAN usage_snapshots USING INDEX idx_usage_snapshots_timestamp
SELECT id, session_id, coalesce(snapshot_data_zstd, snapshot_data) AS snapshot_data, snapshot_type, timestamp FROM usage_snapshots ORDER BY timestamp DESC, id DESC LIMIT ?;

-- query: the newest snapshots of a session
-- expect: SEARCH usage_snapshots USING INDEX idx_usage_snapshots_session_id (session_id=?)
SELECT id, session_id, coalesce(snapshot_data_zstd, snapshot_data) AS snapshot_data, snapshot_type, timestamp FROM usage_snapshots WHERE session_id = ? ORDER BY timestamp DESC, id DESC LIMIT ?;

-- query: the newest snapshot of a type in a session
-- expect: SEARCH usage_snapshots USING INDEX idx_usage_snapshots_session_id (session_id=?)
SELECT id, session_id, coalesce(snapshot_data_zstd, snapshot_data) AS snapshot_data, snapshot_type, timestamp FROM usage_snapshots WHERE session_id = ? AND +snapshot_type = ? ORDER BY timestamp DESC, id DESC LIMIT ?;

-- query: the newest snapshots of a type
-- expect: SEARCH usage_snapshots USING INDEX idx_usage_snapshots_type (snapshot_type=?)
SELECT id, session_id, coalesce(snapshot_data_zstd, snapshot_data) AS snapshot_data, snapshot_type, timestamp FROM usage_snapshots WHERE snapshot_type = ? ORDER BY timestamp DESC, id DESC LIMIT ?;

-- query: what a prune keeps
-- expect: SEARCH usage_snapshots USING COVERING INDEX idx_usage_snapshots_timestamp (timestamp>?)
SELECT count(*), min(timestamp) FROM usage_snapshots WHERE timestamp >= ?;

-- query: the newest snapshot that bears the clock out
-- expect: SEARCH usage_snapshots USING COVERING INDEX idx_usage_snapshots_timestamp (timestamp<?)
SELECT max(timestamp) FROM usage_snapshots WHERE timestamp <= ?;

-- query: a source by its path
-- expect: SEARCH usage_sources USING COVERING INDEX sqlite_autoindex_usage_sources_1 (path=?)
SELECT source_id FROM usage_sources WHERE path = ?;

-- query: messages of one id
-- expect: SEARCH usage_message_rows USING INDEX idx_usage_message_rows_key (message_id=?)
SELECT id, message_id, request_id, agent_name_id, session_name_id, project_name_id, model_name_id,
  timestamp, is_sidechain, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
  cache_read_tokens, reported_cost_usd, source_id, source_offset
FROM usage_message_rows
WHERE message_id = ?;

-- query: messages of many ids
-- expect: SEARCH usage_message_rows USING INDEX idx_usage_message_rows_key (message_id=?)
SELECT id, message_id, request_id, agent_name_id, session_name_id, project_name_id, model_name_id,
  timestamp, is_sidechain, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
  cache_read_tokens, reported_cost_usd, source_id, source_offset
FROM usage_message_rows
WHERE message_id IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- query: when a session was born
-- expect: SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (session_id=?)
SELECT born_at FROM sessions WHERE session_id = ?;

-- query: messages of a session
-- expect: SEARCH m USING INTEGER PRIMARY KEY (rowid=?)
-- expect: LIST SUBQUERY 2
-- expect:   SEARCH usage_message_rows USING COVERING INDEX idx_usage_message_rows_session (session_name_id=?)
-- expect:   SCALAR SUBQUERY 1
-- expect:     SEARCH usage_names USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
-- expect: SEARCH agent USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
-- expect: SEARCH session USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
-- expect: SEARCH project USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
-- expect: SEARCH model USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
-- expect: SEARCH host USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
-- expect: USE TEMP B-TREE FOR ORDER BY
SELECT id, agent, message_id, request_id, session_id, project, model, host, timestamp, is_sidechain, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reported_cost_usd, source_id, source_offset
FROM usage_messages
WHERE id IN (SELECT id FROM usage_message_rows WHERE session_name_id = (SELECT name_id FROM usage_names WHERE name = ?))
ORDER BY timestamp, id;

-- query: the number of a name
-- expect: SEARCH usage_names USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
SELECT name_id FROM usage_names WHERE name = ?;

-- query: the name of a number
-- expect: SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
SELECT name FROM usage_names WHERE name_id = ?;

-- query: a session's totals
-- expect: SEARCH t USING PRIMARY KEY (session_name_id=?)
-- expect: SCALAR SUBQUERY 1
-- expect:   SEARCH usage_names USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
-- expect: SEARCH session USING INTEGER PRIMARY KEY (rowid=?)
-- expect: REUSE SUBQUERY 1
-- expect: SEARCH project USING INTEGER PRIMARY KEY (rowid=?)
-- expect: SEARCH model USING INTEGER PRIMARY KEY (rowid=?)
-- expect: SEARCH agent USING INTEGER PRIMARY KEY (rowid=?)
SELECT session.name AS session_id, project.name AS project, model.name AS model, agent.name AS agent,
  t.message_count, t.input_tokens, t.output_tokens, t.cache_write_5m_tokens, t.cache_write_1h_tokens,
  t.cache_read_tokens, t.reported_cost_usd, t.cost_picousd, t.unpriced_count, t.first_at, t.last_at
FROM usage_session_totals AS t
CROSS JOIN usage_names AS session ON session.name_id = t.session_name_id
CROSS JOIN usage_names AS project ON project.name_id = t.project_name_id
CROSS JOIN usage_names AS model ON model.name_id = t.model_name_id
CROSS JOIN usage_names AS agent ON agent.name_id = t.agent_name_id
WHERE t.session_name_id = (SELECT name_id FROM usage_names WHERE name = ?);

-- query: usage of a part of an hour
-- expect: SEARCH usage_message_rows USING INDEX idx_usage_message_rows_timestamp (timestamp>? AND timestamp<?)
-- expect: USE TEMP B-TREE FOR GROUP BY
-- expect: CORRELATED SCALAR SUBQUERY 1
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 2
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 3
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
SELECT (SELECT name FROM usage_names WHERE name_id = model_name_id) AS model, NULL AS hour, NULL AS session_id, (SELECT name FROM usage_names WHERE name_id = project_name_id) AS project, (SELECT name FROM usage_names WHERE name_id = agent_name_id) AS agent, count(*) AS message_count,
  min(timestamp) AS first_at, max(timestamp) AS last_at, sum(reported_cost_usd) AS reported_cost_usd,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(cache_read_tokens) AS cache_read_tokens,
  max((input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)) AS request_tokens
FROM usage_message_rows
WHERE timestamp >= ?1 AND timestamp < ?2
GROUP BY model_name_id, project_name_id, agent_name_id;

-- query: usage of the sessions that a range cuts
-- expect: SCAN t
-- expect: SEARCH m USING INDEX idx_usage_message_rows_session (session_name_id=? AND timestamp>? AND timestamp<?)
-- expect: USE TEMP B-TREE FOR GROUP BY
-- expect: CORRELATED SCALAR SUBQUERY 1
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 2
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 3
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 4
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
SELECT (SELECT name FROM usage_names WHERE name_id = model_name_id) AS model, NULL AS hour, (SELECT name FROM usage_names WHERE name_id = session_name_id) AS session_id, (SELECT name FROM usage_names WHERE name_id = project_name_id) AS project, (SELECT name FROM usage_names WHERE name_id = agent_name_id) AS agent, count(*) AS message_count,
  min(timestamp) AS first_at, max(timestamp) AS last_at, sum(reported_cost_usd) AS reported_cost_usd,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(cache_read_tokens) AS cache_read_tokens,
  max((input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)) AS request_tokens
FROM (
  SELECT m.*
  FROM usage_session_totals AS t
  CROSS JOIN usage_message_rows AS m
    ON m.session_name_id = t.session_name_id AND m.project_name_id = t.project_name_id
    AND m.model_name_id = t.model_name_id AND m.agent_name_id = t.agent_name_id
  WHERE t.first_at < ?2 AND t.last_at >= ?1 AND (t.first_at < ?1 OR t.last_at >= ?2)
)
WHERE timestamp >= ?1 AND timestamp < ?2
GROUP BY model_name_id, session_name_id, project_name_id, agent_name_id;

-- query: session totals within a range
-- expect: SCAN t
-- expect: SEARCH session USING INTEGER PRIMARY KEY (rowid=?)
-- expect: SEARCH project USING INTEGER PRIMARY KEY (rowid=?)
-- expect: SEARCH model USING INTEGER PRIMARY KEY (rowid=?)
-- expect: SEARCH agent USING INTEGER PRIMARY KEY (rowid=?)
SELECT session.name AS session_id, project.name AS project, model.name AS model, agent.name AS agent,
  t.message_count, t.input_tokens, t.output_tokens, t.cache_write_5m_tokens, t.cache_write_1h_tokens,
  t.cache_read_tokens, t.reported_cost_usd, t.cost_picousd, t.unpriced_count, t.first_at, t.last_at
FROM usage_session_totals AS t
CROSS JOIN usage_names AS session ON session.name_id = t.session_name_id
CROSS JOIN usage_names AS project ON project.name_id = t.project_name_id
CROSS JOIN usage_names AS model ON model.name_id = t.model_name_id
CROSS JOIN usage_names AS agent ON agent.name_id = t.agent_name_id
WHERE t.first_at >= ? AND t.last_at < ?;

-- query: a session's total by its key
-- expect: SEARCH usage_session_totals USING PRIMARY KEY (session_name_id=? AND project_name_id=? AND model_name_id=? AND agent_name_id=?)
SELECT message_count, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reported_cost_usd, cost_picousd, unpriced_count, first_at, last_at FROM usage_session_totals WHERE session_name_id = ? AND project_name_id = ? AND model_name_id = ? AND agent_name_id = ?;

-- query: a session's total by its names
-- expect: SEARCH usage_session_totals USING PRIMARY KEY (session_name_id=? AND project_name_id=? AND model_name_id=? AND agent_name_id=?)
-- expect: SCALAR SUBQUERY 1
-- expect:   SEARCH usage_names USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
-- expect: SCALAR SUBQUERY 2
-- expect:   SEARCH usage_names USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
-- expect: SCALAR SUBQUERY 3
-- expect:   SEARCH usage_names USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
-- expect: SCALAR SUBQUERY 4
-- expect:   SEARCH usage_names USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
SELECT message_count, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reported_cost_usd, cost_picousd, unpriced_count, first_at, last_at FROM usage_session_totals WHERE session_name_id = (SELECT name_id FROM usage_names WHERE name = ?) AND project_name_id = (SELECT name_id FROM usage_names WHERE name = ?) AND model_name_id = (SELECT name_id FROM usage_names WHERE name = ?) AND agent_name_id = (SELECT name_id FROM usage_names WHERE name = ?);

-- query: the messages of a session's total
-- expect: SEARCH usage_message_rows USING INDEX idx_usage_message_rows_session (session_name_id=?)
SELECT timestamp, reported_cost_usd, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens
FROM usage_message_rows
WHERE session_name_id = ? AND project_name_id = ? AND model_name_id = ? AND agent_name_id = ?;

-- query: hours of a range
-- expect: SEARCH usage_rollups USING PRIMARY KEY (hour>? AND hour<?)
SELECT hour, project, model, agent, message_count, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reported_cost_usd, cost_picousd, first_at, last_at
FROM usage_rollups
WHERE hour >= ? AND hour < ?
ORDER BY hour, project, model, agent;

-- query: a rollup by its key
-- expect: SEARCH usage_rollups USING PRIMARY KEY (hour=? AND project=? AND model=? AND agent=?)
SELECT hour, project, model, agent, message_count, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, reported_cost_usd, cost_picousd, first_at, last_at FROM usage_rollups WHERE hour = ? AND project = ? AND model = ? AND agent = ?;

-- query: the messages of a rollup
-- expect: SEARCH agent USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
-- expect: SEARCH project USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
-- expect: SEARCH model USING COVERING INDEX sqlite_autoindex_usage_names_1 (name=?)
-- expect: SEARCH m USING INDEX idx_usage_message_rows_timestamp (timestamp>? AND timestamp<?)
SELECT timestamp, reported_cost_usd, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens
FROM usage_messages
WHERE timestamp >= ?1 AND timestamp < ?1 + 3600000 AND project = ?2 AND model = ?3 AND agent = ?4;

-- query: every price
-- expect: SCAN prices USING INDEX idx_prices_key
SELECT price_id, model, kind, valid_from, rates, source, created_at FROM prices ORDER BY model, kind, valid_from;

-- query: bars of one provider
-- expect: SEARCH bars_cache USING INDEX sqlite_autoindex_bars_cache_1 (symbol=? AND provider=? AND timeframe=? AND timestamp>? AND timestamp<?)
SELECT symbol, provider, timeframe, timestamp, open, high, low, close, volume, revision, providerPriority, insertedAt FROM bars_cache
WHERE symbol = ? AND provider = ? AND timeframe = ? AND timestamp >= ? AND timestamp < ?
ORDER BY timestamp;

-- query: bars of all providers
-- expect: SEARCH bars_cache USING INDEX idx_bars_cache_lookup (symbol=? AND timeframe=? AND timestamp>? AND timestamp<?)
-- expect: USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY
SELECT symbol, provider, timeframe, timestamp, open, high, low, close, volume, revision, providerPriority, insertedAt FROM bars_cache
WHERE symbol = ? AND timeframe = ? AND timestamp >= ? AND timestamp < ?
ORDER BY timestamp, providerPriority, provider;

-- query: what the maker said of a limit in a span of time
-- expect: SEARCH usage_limit_samples USING INDEX idx_usage_limit_samples_observed_at (agent=? AND limit_name=? AND observed_at>? AND observed_at<?)
SELECT id, agent, limit_name, window_minutes, used_percent, resets_at, observed_at, session_id
FROM usage_limit_samples
WHERE agent = ? AND limit_name = ? AND observed_at >= ? AND observed_at < ?
ORDER BY observed_at, id;

-- query: agents with usage
-- expect: SCAN usage_rollups
-- expect: USE TEMP B-TREE FOR GROUP BY
SELECT agent, max(coalesce(last_at, hour)) AS last_at
FROM usage_rollups
GROUP BY agent
ORDER BY agent;

-- query: the sums of all hours
-- expect: SCAN usage_rollups
SELECT sum(message_count), sum(input_tokens), sum(output_tokens),
  sum(cache_write_5m_tokens + cache_write_1h_tokens), sum(cache_read_tokens),
  sum(cost_picousd), count(cost_picousd), count(*)
FROM usage_rollups;

-- query: usage of a span of time by agent
-- expect: SEARCH usage_message_rows USING INDEX idx_usage_message_rows_timestamp (timestamp>? AND timestamp<?)
-- expect: USE TEMP B-TREE FOR GROUP BY
-- expect: CORRELATED SCALAR SUBQUERY 1
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 2
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
SELECT (SELECT name FROM usage_names WHERE name_id = model_name_id) AS model, NULL AS hour, NULL AS session_id, NULL AS project, (SELECT name FROM usage_names WHERE name_id = agent_name_id) AS agent, count(*) AS message_count,
  min(timestamp) AS first_at, max(timestamp) AS last_at, sum(reported_cost_usd) AS reported_cost_usd,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(cache_read_tokens) AS cache_read_tokens,
  max((input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)) AS request_tokens
FROM usage_message_rows
WHERE timestamp >= ?1 AND timestamp < ?2
GROUP BY model_name_id, agent_name_id;

-- query: the newest runs of a maintenance job
-- expect: SEARCH maintenance_runs USING INDEX idx_maintenance_runs_job (job=?)
SELECT id, job, started_at, ended_at, outcome, rows, bytes, detail, error FROM maintenance_runs WHERE job = ? ORDER BY started_at DESC, id DESC LIMIT ?;

-- query: the maintenance job that runs now
-- expect: SCAN maintenance_runs USING INDEX idx_maintenance_runs_running
SELECT id, job, started_at, ended_at, outcome, rows, bytes, detail, error FROM maintenance_runs WHERE outcome = 'running' ORDER BY id DESC LIMIT 1;

-- query: whether messages were ever folded
-- expect: SCAN usage_message_fold_keys
SELECT 1 FROM usage_message_fold_keys LIMIT 1;

-- query: folded messages of a part of an hour
-- expect: SEARCH usage_message_folds USING INDEX idx_usage_message_folds_first_at (first_at>? AND first_at<?)
-- expect: USE TEMP B-TREE FOR GROUP BY
-- expect: CORRELATED SCALAR SUBQUERY 1
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 2
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 3
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
SELECT (SELECT name FROM usage_names WHERE name_id = model_name_id) AS model, NULL AS hour, NULL AS session_id, (SELECT name FROM usage_names WHERE name_id = project_name_id) AS project, (SELECT name FROM usage_names WHERE name_id = agent_name_id) AS agent, sum(message_count) AS message_count,
  min(first_at) AS first_at, max(last_at) AS last_at, sum(reported_cost_usd) AS reported_cost_usd,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(cache_read_tokens) AS cache_read_tokens,
  max(request_tokens) AS request_tokens
FROM usage_message_folds
WHERE first_at >= ?1 AND first_at < ?2
GROUP BY model_name_id, project_name_id, agent_name_id;

-- query: folded messages of the sessions that a range cuts
-- expect: SCAN t
-- expect: SEARCH m USING INDEX idx_usage_message_folds_session (session_name_id=?)
-- expect: USE TEMP B-TREE FOR GROUP BY
-- expect: CORRELATED SCALAR SUBQUERY 1
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 2
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 3
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 4
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
SELECT (SELECT name FROM usage_names WHERE name_id = model_name_id) AS model, NULL AS hour, (SELECT name FROM usage_names WHERE name_id = session_name_id) AS session_id, (SELECT name FROM usage_names WHERE name_id = project_name_id) AS project, (SELECT name FROM usage_names WHERE name_id = agent_name_id) AS agent, sum(message_count) AS message_count,
         min(first_at) AS first_at, max(last_at) AS last_at, sum(reported_cost_usd) AS reported_cost_usd,
         sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
         sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
         sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(cache_read_tokens) AS cache_read_tokens,
         max(request_tokens) AS request_tokens
       FROM (
  SELECT m.*
  FROM usage_session_totals AS t
  CROSS JOIN usage_message_folds AS m
    ON m.session_name_id = t.session_name_id AND m.project_name_id = t.project_name_id
    AND m.model_name_id = t.model_name_id AND m.agent_name_id = t.agent_name_id
  WHERE t.first_at < ?2 AND t.last_at >= ?1 AND (t.first_at < ?1 OR t.last_at >= ?2)
)
       WHERE first_at >= ?1 AND first_at < ?2
       GROUP BY model_name_id, session_name_id, project_name_id, agent_name_id;

-- query: how many snapshots are expired
-- expect: SEARCH usage_snapshots USING COVERING INDEX idx_usage_snapshots_timestamp (timestamp<?)
SELECT count(*) FROM usage_snapshots WHERE timestamp < ?;

-- query: snapshots to prune
-- expect: SEARCH usage_snapshots USING COVERING INDEX idx_usage_snapshots_timestamp (timestamp<?)
SELECT id FROM usage_snapshots WHERE timestamp < ?2 ORDER BY timestamp LIMIT ?3;

-- query: a chunk of snapshots to fold
-- expect: SEARCH usage_snapshots USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)
SELECT count(*), sum(CASE WHEN octet_length(snapshot_data) < 48 AND snapshot_data GLOB '{"usagedb_compacted":[1-9]*}'
THEN CAST(snapshot_data ->> '$.usagedb_compacted' AS INTEGER) ELSE octet_length(snapshot_data) END), min(timestamp), max(timestamp)
 FROM usage_snapshots
 WHERE id BETWEEN ?1 ->> '$[0]' AND ?1 ->> '$[#-1]' AND timestamp < ?2;

-- query: the sums of folded snapshots
-- expect: SEARCH usage_snapshot_rollups USING PRIMARY KEY (day>? AND day<?)
SELECT coalesce(sum(snapshot_count), 0), coalesce(sum(data_bytes), 0)
FROM usage_snapshot_rollups
WHERE day BETWEEN ? AND ?;

-- query: folded messages of a part of an hour by agent
-- expect: SEARCH usage_message_folds USING INDEX idx_usage_message_folds_first_at (first_at>? AND first_at<?)
-- expect: USE TEMP B-TREE FOR GROUP BY
-- expect: CORRELATED SCALAR SUBQUERY 1
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
-- expect: CORRELATED SCALAR SUBQUERY 2
-- expect:   SEARCH usage_names USING INTEGER PRIMARY KEY (rowid=?)
SELECT (SELECT name FROM usage_names WHERE name_id = model_name_id) AS model, NULL AS hour, NULL AS session_id, NULL AS project, (SELECT name FROM usage_names WHERE name_id = agent_name_id) AS agent, sum(message_count) AS message_count,
  min(first_at) AS first_at, max(last_at) AS last_at, sum(reported_cost_usd) AS reported_cost_usd,
  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
  sum(cache_write_5m_tokens) AS cache_write_5m_tokens,
  sum(cache_write_1h_tokens) AS cache_write_1h_tokens, sum(cache_read_tokens) AS cache_read_tokens,
  max(request_tokens) AS request_tokens
FROM usage_message_folds
WHERE first_at >= ?1 AND first_at < ?2
GROUP BY model_name_id, agent_name_id;
