/** What a prune by the policies would delete, without deleting it. */
import { YOUNGEST_FOLD_MS } from "../store/events.ts";
import type { UsageStore } from "../store/usage-store.ts";
import type { JobEstimate } from "./job.ts";
import { limitSamplesBefore } from "./limit-sample-removal.ts";
import { OLD_RUNS } from "./run-removal.ts";
import { HAS_LATER } from "./snapshot-removal.ts";
import {
  cutoffOfNewest,
  cutoffOfOldest,
  EVENT_PAYLOAD_SIZE,
  EVENT_SIZE,
  rowBytes,
  SNAPSHOT_SIZE,
  usedBytes,
} from "./space.ts";

/** Measured beside writers: see `prune` in bench/README.md. Small rows cost by their number, payloads by their pages. */
const ROWS_PER_MS = 30;
const BYTES_PER_MS = 17_000;

interface Sum {
  readonly rows: number;
  readonly bytes: number;
}

/** Rows are counted, bytes are those of the rows without their pages, time is what as many rows took elsewhere. */
export async function estimatePrune(store: UsageStore, now: number): Promise<JobEstimate> {
  const { connection, retention } = store;
  const youngest = now - YOUNGEST_FOLD_MS;
  const cutoffOf = (maxAgeMs: number | null): number => (maxAgeMs === null ? 0 : now - maxAgeMs);
  const bySpace = async (maxBytes: number | null, size: typeof EVENT_SIZE): Promise<number> => {
    if (maxBytes === null || usedBytes(connection) <= maxBytes) return 0;
    return Math.min(youngest, (await cutoffOfNewest(connection, size, maxBytes)) ?? 0);
  };
  let eventCutoff = Math.max(
    cutoffOf(retention.get("events", "max_age_ms")),
    await bySpace(retention.get("events", "payload_max_bytes"), EVENT_PAYLOAD_SIZE),
    await bySpace(retention.get("events", "max_bytes"), EVENT_SIZE),
  );
  const snapshotAgeCutoff = cutoffOf(retention.get("snapshots", "max_age_ms"));
  let snapshotCutoff = await bySpace(retention.get("snapshots", "max_bytes"), SNAPSHOT_SIZE);
  const maxBytes = retention.get("database", "max_bytes");
  const events = (): Sum => eventsBefore(store, eventCutoff);
  const snapshots = (): Sum => snapshotsBefore(store, snapshotAgeCutoff, snapshotCutoff);
  if (maxBytes !== null) {
    const over = usedBytes(connection) - maxBytes;
    const excess = (): number => over - events().bytes - snapshots().bytes;
    if (excess() > 0) {
      const { cutoff } = await cutoffOfOldest(connection, EVENT_SIZE, events().bytes + excess());
      eventCutoff = Math.max(eventCutoff, Math.min(youngest, cutoff ?? now));
    }
    if (excess() > 0) {
      const wanted = snapshots().bytes + excess();
      const { cutoff } = await cutoffOfOldest(connection, SNAPSHOT_SIZE, wanted);
      snapshotCutoff = Math.max(snapshotCutoff, Math.min(youngest, cutoff ?? now));
    }
  }
  const sums = [
    events(),
    snapshots(),
    ...others(store, now, Math.max(snapshotAgeCutoff, snapshotCutoff)),
  ];
  const rows = sums.reduce((sum, part) => sum + part.rows, 0);
  const bytes = sums.reduce((sum, part) => sum + part.bytes, 0);
  return {
    rows,
    bytes,
    expectedMs: Math.ceil(Math.max(rows / ROWS_PER_MS, bytes / BYTES_PER_MS)),
    staysAnswerable:
      "Events by hour, source, type and model, snapshots by day, session and type (v_events, v_snapshots); every report of tokens and costs.",
  };
}

function eventsBefore({ connection }: UsageStore, cutoff: number): Sum {
  return sumOf(
    connection
      .prepare(
        `SELECT count(*), sum(${rowBytes(connection, EVENT_SIZE)}) FROM events WHERE timestamp < ?`,
        "count events",
      )
      .values(cutoff)[0],
  );
}

function snapshotsBefore({ connection }: UsageStore, age: number, space: number): Sum {
  return sumOf(
    connection
      .prepare(
        `SELECT count(*), sum(${rowBytes(connection, SNAPSHOT_SIZE)})
         FROM usage_snapshots
         WHERE timestamp < ?1 OR timestamp < ?2 AND ${HAS_LATER}`,
        "count snapshots",
      )
      .values(age, space)[0],
  );
}

function* others(store: UsageStore, now: number, snapshotCutoff: number): Generator<Sum> {
  const { connection, retention } = store;
  const maxRows = retention.get("snapshots", "max_rows_per_session");
  if (maxRows !== null)
    yield sumOf(
      connection
        .prepare(
          `SELECT count(*), sum(bytes)
           FROM (
             SELECT timestamp, ${rowBytes(connection, SNAPSHOT_SIZE)} AS bytes, ${HAS_LATER} AS hasLater,
               row_number() OVER (PARTITION BY session_id ORDER BY timestamp DESC, id DESC) AS position
             FROM usage_snapshots
           )
           WHERE position > ? AND timestamp >= ? AND hasLater`,
          "count snapshots",
        )
        .values(maxRows, snapshotCutoff)[0],
    );
  const sampleAgeMs = retention.get("limit_samples", "max_age_ms");
  if (sampleAgeMs !== null) {
    const ids = limitSamplesBefore(connection, now - sampleAgeMs).next(Number.MAX_SAFE_INTEGER);
    yield { rows: ids?.length ?? 0, bytes: 0 };
  }
  const runAgeMs = retention.get("runs", "max_age_ms");
  if (runAgeMs !== null)
    yield sumOf(
      connection
        .prepare(`SELECT count(*), 0 FROM maintenance_runs WHERE ${OLD_RUNS}`, "count runs")
        .values(null, now - runAgeMs)[0],
    );
}

function sumOf(row: readonly unknown[] | undefined): Sum {
  return { rows: Number(row?.[0] ?? 0), bytes: Number(row?.[1] ?? 0) };
}
