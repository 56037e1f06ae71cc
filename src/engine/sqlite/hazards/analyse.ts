/** What a plan will do to a database, found out without touching it. */
import type { PlanAnalysis, StatementEffects, StepEstimate } from "../../../migration/hazard.ts";
import type { Step } from "../../../migration/plan.ts";
import type { Connection } from "../connection.ts";
import { toUsageDbError } from "../sqlite-errors.ts";
import { Contents } from "./contents.ts";
import { Holdings } from "./holdings.ts";
import { LiveTables } from "./live-tables.ts";
import { Shadow } from "./shadow.ts";
import { StepAnalyst } from "./step-analyst.ts";
import { Trial, type TriedStatement } from "./trial.ts";

export interface AnalyseOptions {
  /** Also reads the size of every table that is reached, page by page; off when left out. */
  readonly withSizes?: boolean;
  /** Also tries the statements on a temporary copy of some rows, to tell how long they will take; off when left out. */
  readonly withEstimates?: boolean;
}

/**
 * Analyses the steps of a plan, one result a step, in the plan's order; the database is only read.
 *
 * Each statement is compiled on a shadow of the schema, with foreign keys on and off, judged against the rows
 * that are there, and run on the shadow so that the next one sees it. What could not be analysed is named in
 * `notAnalysed`: silence would look like safety. All counts are of one moment: others may go on writing.
 * @throws {MigrationError} MIGRATION_TOUCHES for a section that reaches beyond its own `-- migrate:touches`.
 */
export function analysePlan(
  connection: Connection,
  steps: readonly Step[],
  options: AnalyseOptions = {},
): PlanAnalysis {
  try {
    return connection.reading(() => analyse(connection, steps, options));
  } catch (error) {
    throw toUsageDbError(error, `analyse the plan for ${connection.path}`, {
      path: connection.path,
    });
  }
}

function analyse(
  connection: Connection,
  steps: readonly Step[],
  { withSizes = false, withEstimates = false }: AnalyseOptions,
): PlanAnalysis {
  const live = new LiveTables(connection);
  using shadow = new Shadow(connection);
  const contents = new Contents(connection, live, shadow);
  const bench = { shadow, live, holdings: new Holdings(live), contents };
  const analysts = steps.map((step) => new StepAnalyst(bench, step));
  const analyses = analysts.map((analyst) => analyst.analyse());
  const reached = new Set(
    analyses.flatMap(({ statements }) => statements.flatMap(tablesOf)).map((t) => t.toLowerCase()),
  );
  const tables = live.names
    .filter((name) => reached.has(name.toLowerCase()))
    .map((name) => ({
      name,
      rowCount: live.rowCount(name),
      sizeBytes: withSizes ? live.sizeBytes(name) : null,
    }));
  if (!withEstimates) return { steps: analyses, tables };
  using trial = new Trial(
    connection,
    live,
    tables.map(({ name }) => name),
  );
  return {
    steps: analyses.map((step, index) => ({
      ...step,
      estimate: estimateOf(trial, analysts[index]?.ran ?? null),
    })),
    tables,
  };
}

/** The times of a step's statements together; null as soon as one is not known. */
function estimateOf(trial: Trial, ran: readonly TriedStatement[] | null): StepEstimate | null {
  if (ran === null) {
    trial.giveUp();
    return null;
  }
  // All of them are tried, whatever became of the one before: the next step comes after them.
  const times = ran.map((statement) => trial.time(statement));
  return times.reduce<StepEstimate | null>(
    (sum, time) =>
      sum === null || time === null
        ? null
        : {
            timeMs: sum.timeMs + time.timeMs,
            triedRows: time.rows > sum.rows ? time.triedRows : sum.triedRows,
            rows: Math.max(sum.rows, time.rows),
          },
    { timeMs: 0, triedRows: 0, rows: 0 },
  );
}

function tablesOf(effects: StatementEffects): readonly string[] {
  const { altered, dropped, read, written, reachedByCascade } = effects;
  return [...altered, ...dropped, ...read, ...written, ...reachedByCascade];
}
