/** The product's own migrations on an open database; nothing of the engine is loaded before it is needed. */
import type { Drift } from "./engine/driver.ts";
import type {
  MigrationEvent,
  MigrationReport,
  MigrationStatus,
  Migrator,
  RollbackOptions,
} from "./engine/migrator.ts";
import type { Connection } from "./engine/sqlite/connection.ts";
import type { HistoryEntry } from "./engine/sqlite/history.ts";
import type { ValidationReport } from "./engine/sqlite/validate.ts";
import type { PlanUpOptions, Step } from "./migration/plan.ts";
import { APPLICATION_ID, ownMigrations } from "./store/schema.ts";

export interface UsageDbMigrations {
  up(options?: PlanUpOptions): MigrationReport;
  rollback(options?: RollbackOptions): MigrationReport;
  redo(): MigrationReport;
  plan(options?: PlanUpOptions): Step[];
  status(): MigrationStatus;
  validate(): ValidationReport;
  /** Compares the schema with what the applied migrations build; null when none is applied. Reads only. */
  checkDrift(): Drift | null;
  /** What happened to each version, failures and rollbacks too, oldest first. Reads only. */
  history(): HistoryEntry[];
}

/** Opening a database that is up to date needs none of this, so it is loaded by the first call. */
export function createMigrations(
  connection: Connection,
  now: () => number,
  onEvent: ((event: MigrationEvent) => void) | undefined,
): UsageDbMigrations {
  let known: Migrator | null = null;
  const migrator = (): Migrator => {
    if (known !== null) return known;
    const { createMigrator } =
      require("./engine/migrator.ts") as typeof import("./engine/migrator.ts");
    const { createSqliteDriver } =
      require("./engine/sqlite/driver.ts") as typeof import("./engine/sqlite/driver.ts");
    known = createMigrator({
      driver: createSqliteDriver(connection, { applicationId: APPLICATION_ID }),
      source: ownMigrations(),
      now,
      ...(onEvent === undefined ? {} : { onEvent }),
    });
    return known;
  };
  return {
    up: (options) => migrator().up(options),
    rollback: (options) => migrator().rollback(options),
    redo: () => migrator().redo(),
    plan: (options) => migrator().plan(options),
    status: () => migrator().status(),
    checkDrift: () => migrator().checkDrift(),
    history: () => {
      const { readHistory } =
        require("./engine/sqlite/history.ts") as typeof import("./engine/sqlite/history.ts");
      return connection.reading(() => readHistory(connection));
    },
    validate: () => {
      const { validateConnection } =
        require("./engine/sqlite/validate.ts") as typeof import("./engine/sqlite/validate.ts");
      return connection.reading(() =>
        validateConnection(connection, migrator().status().standings),
      );
    },
  };
}
