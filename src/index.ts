/** The public API of usagedb. */
export { openUsageDb, type UsageDb, type UsageDbOptions } from "./usage-db.ts";
export type { UsageDbMigrations } from "./usage-db-migrations.ts";
export type { OpenOptions } from "./engine/sqlite/open.ts";
export type { Bar, BarRange, NewBar } from "./store/bars.ts";
export type { NewEvent, UsageEvent } from "./store/events.ts";
export type { DatedRates, Price, PriceKind } from "./store/prices.ts";
export type { Rate, Rates } from "./store/rates.ts";
export type { Session, SessionUpdate } from "./store/sessions.ts";
export type { UsageConfig } from "./store/usage-config.ts";
export type { NewUsageLimitSample, UsageLimitSample } from "./store/usage-limit-samples.ts";
export type { NewUsageMessage, RecordOutcome, UsageMessage } from "./store/usage-messages.ts";
export type { UsageRollup } from "./store/usage-rollups.ts";
export type {
  NewUsageSnapshot,
  SnapshotFilter,
  SnapshotType,
  UsageSnapshot,
} from "./store/usage-snapshots.ts";
export type { UsageSource } from "./store/usage-sources.ts";
export { parseUsageStats } from "./store/parse-usage-stats.ts";
export type {
  BurnRateStats,
  LimitStats,
  ModelStats,
  OfficialLimitStats,
  PredictionStats,
  RecentSession,
  SessionStats,
  SessionSums,
  StatsCost,
  StatsTokens,
  TotalStats,
  UsageStats,
  UsageStatsV1,
} from "./store/usage-stats.ts";
export type { UsageStore } from "./store/usage-store.ts";
export type { MaintenanceRun, MaintenanceRunFilter } from "./store/maintenance-runs.ts";
export type {
  RetentionPolicy,
  RetentionRule,
  RetentionSubject,
} from "./store/retention-policies.ts";
export type { PruneOptions, PruneReport } from "./retention/prune.ts";
export type {
  JobEstimate,
  JobFailure,
  JobName,
  JobReport,
  MaintainOptions,
  MaintainReport,
  MaintenanceEvent,
} from "./retention/job.ts";
export { startMaintenance } from "./retention/start-maintenance.ts";
export type {
  MaintenanceScheduleEvent,
  MaintenanceScheduleOptions,
  ScheduledMaintenance,
} from "./retention/schedule.ts";
export { backupDatabase, type BackupReport } from "./engine/sqlite/backup.ts";
export { restoreDatabase, type RestoreReport } from "./engine/sqlite/restore.ts";
export { type ForgetOptions, type ForgetReport, forgetUsage } from "./forget/forget.ts";
export type { ForgetTarget } from "./retention/forget/target.ts";
export { recoverDatabase, type RecoverOptions, type RecoverReport } from "./recover/recover.ts";
export type { TableBalance } from "./engine/sqlite/recover/balance.ts";
export type { ChangeCounts } from "./ingest/exchange/change-file.ts";
export { exportChanges, type ExportOptions } from "./ingest/exchange/export.ts";
export { importChanges, type ImportOptions, type ImportReport } from "./ingest/exchange/import.ts";
export type { Claim, Verdict } from "./ingest/claims.ts";
export { type ExplainOptions, explainMessage, type MessageExplanation } from "./ingest/explain.ts";
export { claudeRoots } from "./ingest/claude/roots.ts";
export { AGENT_NAMES, type AgentName, type TranscriptSources } from "./ingest/agents.ts";
export { transcriptSources, type TranscriptSourcesOptions } from "./ingest/transcript-sources.ts";
export {
  type AgentFigures,
  type SyncEvent,
  type SyncOptions,
  type SyncReport,
} from "./ingest/sync.ts";
export { syncTranscripts } from "./usage-sync.ts";
export {
  type BlockReport,
  type BlockReportOptions,
  type BlockRow,
  reportBlocks,
} from "./report/blocks.ts";
export {
  type LiveBlock,
  type LiveReport,
  type LiveReportOptions,
  type OfficialLimit,
  reportLive,
} from "./report/live.ts";
export type { BlockLimits, Limit, LimitSource } from "./report/limits.ts";
export type { LearnedLimit } from "./report/official-limits.ts";
export { PLAN_LIMITS, PLAN_LIMITS_SOURCE, type PlanLimits } from "./report/plans.ts";
export { type DailyReport, type DailyReportOptions, reportDaily } from "./report/daily.ts";
export {
  type Dimension,
  type Period,
  type PeriodReport,
  type PeriodReportOptions,
  type PeriodRow,
  reportPeriods,
} from "./report/periods.ts";
export {
  reportSessions,
  type SessionReport,
  type SessionReportOptions,
  type SessionRow,
} from "./report/sessions.ts";
export type { ModelBreakdown, TokenTotals } from "./report/totals.ts";
export type { UsageFilter } from "./report/usage-filter.ts";
export { type FoldedUsage, foldedUsage, verifyRollups } from "./report/verify.ts";
export { learnPrices, reprice, type RepriceReport, setOverride } from "./ingest/price-catalogue.ts";
export { InputError, MigrationError, OperationError, UsageDbError } from "./errors.ts";
