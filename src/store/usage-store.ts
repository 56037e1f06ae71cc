/** Every aggregate over one connection. */
import type { Connection } from "../engine/sqlite/connection.ts";
import { BarStore } from "./bars.ts";
import { EventStore } from "./events.ts";
import type { MaintenanceRunStore } from "./maintenance-runs.ts";
import { PriceStore } from "./prices.ts";
import type { RetentionPolicyStore } from "./retention-policies.ts";
import { SessionStore } from "./sessions.ts";
import { UsageConfigStore } from "./usage-config.ts";
import { ownHost } from "./usage-host.ts";
import { UsageLimitSampleStore } from "./usage-limit-samples.ts";
import { UsageMessageStore } from "./usage-messages.ts";
import { UsageRollupStore } from "./usage-rollups.ts";
import { UsageSessionTotalStore } from "./usage-session-totals.ts";
import { UsageSnapshotStore } from "./usage-snapshots.ts";
import { UsageSourceStore } from "./usage-sources.ts";

export interface UsageStore {
  readonly connection: Connection;
  /** Epoch milliseconds: the one clock of everything that is written. */
  readonly now: () => number;
  /** How long the machine has run, in milliseconds, suspended or not: what the clock is held against. */
  readonly uptimeMs: () => number;
  /** Names the time since the machine was started; the system's own answer when left out. */
  readonly bootId?: () => string;
  /** Both when the store was made. */
  readonly madeAt: { readonly now: number; readonly uptimeMs: number };
  readonly config: UsageConfigStore;
  readonly sessions: SessionStore;
  readonly events: EventStore;
  readonly snapshots: UsageSnapshotStore;
  readonly messages: UsageMessageStore;
  readonly rollups: UsageRollupStore;
  readonly sessionTotals: UsageSessionTotalStore;
  readonly prices: PriceStore;
  readonly sources: UsageSourceStore;
  readonly limitSamples: UsageLimitSampleStore;
  readonly bars: BarStore;
  /** What is kept how long. */
  readonly retention: RetentionPolicyStore;
  /** Which maintenance job ran when. */
  readonly maintenanceRuns: MaintenanceRunStore;
  /** The name by which other machines know this database; made up, and written, at the first call. */
  readonly host: () => string;
}

/**
 * Statements are compiled when they are first used, so an unused aggregate costs nothing; what most programs never
 * use is not even loaded before. So the result must not be copied by spreading it.
 */
export function createUsageStore(
  connection: Connection,
  now: () => number,
  uptimeMs: () => number,
): UsageStore {
  const sessions = new SessionStore(connection, now);
  const rollups = new UsageRollupStore(connection);
  const sessionTotals = new UsageSessionTotalStore(connection);
  const prices = new PriceStore(connection, now);
  let retention: RetentionPolicyStore | null = null;
  let maintenanceRuns: MaintenanceRunStore | null = null;
  return {
    connection,
    now,
    uptimeMs,
    madeAt: { now: now(), uptimeMs: uptimeMs() },
    config: new UsageConfigStore(connection, now),
    sessions,
    events: new EventStore(connection, sessions, now),
    snapshots: new UsageSnapshotStore(connection, sessions, now),
    messages: new UsageMessageStore(connection, { rollups, sessionTotals, prices }),
    rollups,
    sessionTotals,
    prices,
    sources: new UsageSourceStore(connection, now),
    limitSamples: new UsageLimitSampleStore(connection, now),
    bars: new BarStore(connection, now),
    get retention() {
      const { RetentionPolicyStore } =
        require("./retention-policies.ts") as typeof import("./retention-policies.ts");
      return (retention ??= new RetentionPolicyStore(connection, now));
    },
    get maintenanceRuns() {
      const { MaintenanceRunStore } =
        require("./maintenance-runs.ts") as typeof import("./maintenance-runs.ts");
      return (maintenanceRuns ??= new MaintenanceRunStore(connection, now));
    },
    host: () => ownHost(connection, now),
  };
}
