/** The report of a rehearsal, from what was noted on the way. */
import type { Version } from "../../../migration/version.ts";
import type { PrivateCopy } from "./private-copy.ts";
import type { LeftOutStep, RehearsalReport, RehearsedTable } from "./report.ts";
import type { Stage } from "./stage.ts";
import type { StretchMoments } from "./stretch.ts";

export interface Rehearsed {
  readonly database: string;
  readonly mode: RehearsalReport["mode"];
  /** By `performance.now()`. */
  readonly startedAt: number;
  /** Null when there was nothing to rehearse, and no copy was made. */
  readonly run: {
    readonly copy: PrivateCopy;
    readonly stage: Stage;
    readonly moments: StretchMoments | null;
  } | null;
  readonly leftOut: readonly LeftOutStep[];
  readonly fromVersion: Version;
  readonly toVersion: Version;
}

export function assembleReport(rehearsed: Rehearsed): RehearsalReport {
  const { database, mode, startedAt, run, leftOut, fromVersion, toVersion } = rehearsed;
  const { steps, problems, remarks } = run?.stage ?? { steps: [], problems: [], remarks: [] };
  const first = mode === "pending" ? "up" : "down";
  return {
    isClean: problems.length === 0,
    database,
    mode,
    fromVersion,
    toVersion,
    steps,
    leftOut,
    tables: tablesOf(run?.moments ?? null),
    problems,
    remarks: [...new Set(remarks)],
    copy: run === null ? null : { sizeBytes: run.copy.sizeBytes, durationMs: run.copy.durationMs },
    estimateMs: steps
      .filter(({ moment }) => moment === first)
      .reduce((sum, { durationMs }) => sum + durationMs, 0),
    durationMs: performance.now() - startedAt,
  };
}

function tablesOf(moments: StretchMoments | null): RehearsedTable[] {
  if (moments === null) return [];
  const { before, up, down, upAgain } = moments;
  const names = new Set(
    [before, up, down, upAgain].flatMap((moment) => [...(moment?.rowCounts.keys() ?? [])]),
  );
  return [...names].sort().map((name) => ({
    name,
    before: before.rowCounts.get(name) ?? null,
    afterUp: up?.rowCounts.get(name) ?? null,
    afterDown: down?.rowCounts.get(name) ?? null,
    afterUpAgain: upAgain?.rowCounts.get(name) ?? null,
  }));
}
