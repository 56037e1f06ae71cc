/** Every aggregate over one connection. */
import type { Connection } from "../engine/sqlite/connection.ts";
import type { BarStore } from "./bars.ts";
import type { EventStore } from "./events.ts";
import type { MaintenanceRunStore } from "./maintenance-runs.ts";
import type { PriceStore } from "./prices.ts";
import type { RetentionPolicyStore } from "./retention-policies.ts";
import type { SessionStore } from "./sessions.ts";
import type { UsageConfigStore } from "./usage-config.ts";
import type { UsageLimitSampleStore } from "./usage-limit-samples.ts";
import type { UsageMessageStore } from "./usage-messages.ts";
import type { UsageRollupStore } from "./usage-rollups.ts";
import type { UsageSessionTotalStore } from "./usage-session-totals.ts";
import type { UsageSnapshotStore } from "./usage-snapshots.ts";
import type { UsageSourceStore } from "./usage-sources.ts";

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

/** The parts that were asked for so far. */
type Parts = {
  -readonly [
    Name in Exclude<keyof UsageStore, "connection" | "now" | "uptimeMs" | "madeAt" | "host">
  ]?: UsageStore[Name];
};

/**
 * Each part is loaded and made when it is first asked for, its statements compiled when they are first used: a program
 * pays for what it uses. So the result must not be copied by spreading it.
 */
export function createUsageStore(
  connection: Connection,
  now: () => number,
  uptimeMs: () => number,
): UsageStore {
  const parts: Parts = {};
  const store: UsageStore = {
    connection,
    now,
    uptimeMs,
    madeAt: { now: now(), uptimeMs: uptimeMs() },
    get config() {
      return (parts.config ??= new (
        require("./usage-config.ts") as typeof import("./usage-config.ts")
      ).UsageConfigStore(connection, now));
    },
    get sessions() {
      return (parts.sessions ??= new (
        require("./sessions.ts") as typeof import("./sessions.ts")
      ).SessionStore(connection, now));
    },
    get events() {
      return (parts.events ??= new (
        require("./events.ts") as typeof import("./events.ts")
      ).EventStore(connection, store.sessions, now));
    },
    get snapshots() {
      return (parts.snapshots ??= new (
        require("./usage-snapshots.ts") as typeof import("./usage-snapshots.ts")
      ).UsageSnapshotStore(connection, store.sessions, now));
    },
    get messages() {
      return (parts.messages ??= new (
        require("./usage-messages.ts") as typeof import("./usage-messages.ts")
      ).UsageMessageStore(connection, store));
    },
    get rollups() {
      return (parts.rollups ??= new (
        require("./usage-rollups.ts") as typeof import("./usage-rollups.ts")
      ).UsageRollupStore(connection));
    },
    get sessionTotals() {
      return (parts.sessionTotals ??= new (
        require("./usage-session-totals.ts") as typeof import("./usage-session-totals.ts")
      ).UsageSessionTotalStore(connection));
    },
    get prices() {
      return (parts.prices ??= new (
        require("./prices.ts") as typeof import("./prices.ts")
      ).PriceStore(connection, now));
    },
    get sources() {
      return (parts.sources ??= new (
        require("./usage-sources.ts") as typeof import("./usage-sources.ts")
      ).UsageSourceStore(connection, now));
    },
    get limitSamples() {
      return (parts.limitSamples ??= new (
        require("./usage-limit-samples.ts") as typeof import("./usage-limit-samples.ts")
      ).UsageLimitSampleStore(connection, now));
    },
    get bars() {
      return (parts.bars ??= new (require("./bars.ts") as typeof import("./bars.ts")).BarStore(
        connection,
        now,
      ));
    },
    get retention() {
      return (parts.retention ??= new (
        require("./retention-policies.ts") as typeof import("./retention-policies.ts")
      ).RetentionPolicyStore(connection, now));
    },
    get maintenanceRuns() {
      return (parts.maintenanceRuns ??= new (
        require("./maintenance-runs.ts") as typeof import("./maintenance-runs.ts")
      ).MaintenanceRunStore(connection, now));
    },
    host: () =>
      (require("./usage-host.ts") as typeof import("./usage-host.ts")).ownHost(connection, now),
  };
  return store;
}
