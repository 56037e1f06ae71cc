/** The job that has every page, key and time of the database looked at, beside the program. */
import { OperationError, type ErrorCode } from "../errors.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { DEFAULT_BUSY_TIMEOUT_MS, IN_MEMORY } from "../engine/sqlite/open.ts";
import { SideProcess, type SideStatement } from "../engine/sqlite/side/side-process.ts";
import type { JobContext, JobResult, MaintenanceJob } from "./job.ts";
import { type TimeColumn, timeCheck, timeColumns } from "../store/time-columns.ts";
import { withinTime } from "./within-time.ts";

const WEEK_MS = 7 * 86_400_000;
/** More of one kind says nothing more. */
const MAX_FINDINGS = 100;
/** Measured on 1 GB of payloads, their CHECKs included. */
const BYTES_PER_MS = 350_000;

export interface IntegrityFinding {
  readonly kind: "structure" | "foreign key" | "unit";
  readonly observed: string;
}

export const integrityJob: MaintenanceJob = {
  name: "integrity",
  description: "check every page, constraint, foreign key and time; reads only",
  everyMs: WEEK_MS,

  estimate({ connection }) {
    const number = (pragma: string): number =>
      Number(connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
    return {
      rows: 0,
      bytes: 0,
      expectedMs: Math.ceil((number("page_count") * number("page_size")) / BYTES_PER_MS),
      staysAnswerable: "Everything: no row is changed.",
    };
  },

  run: (context) => withinTime(context.pace, (signal) => check(context, signal)),
};

async function check(
  { store: { connection }, progress }: JobContext,
  signal: AbortSignal,
): Promise<JobResult> {
  const checks = checksOf(connection);
  const answers = await answersOf(connection, {
    statements: checks.map(({ statement }) => statement),
    signal,
    onProgress: progress,
  });
  const findings = checks.flatMap(({ findingsOf }, index) => findingsOf(answers[index] ?? []));
  if (findings.length > 0) throw found(connection.path, findings);
  return { outcome: "done", rows: 0, bytes: 0, detail: { checks: checks.length, findings: [] } };
}

type Row = readonly (string | number | null)[];

interface Check {
  readonly statement: SideStatement;
  findingsOf(rows: readonly Row[]): IntegrityFinding[];
}

function checksOf(connection: Connection): Check[] {
  return [
    {
      // The connection may write, so that SQLite checks CHECK constraints; it is not going to.
      statement: { sql: "PRAGMA query_only = ON" },
      findingsOf: () => [],
    },
    {
      statement: { sql: `PRAGMA integrity_check(${MAX_FINDINGS})` },
      findingsOf: (rows) =>
        rows
          .map(([finding]) => String(finding))
          .filter((finding) => finding !== "ok")
          .map((observed) => ({ kind: "structure", observed })),
    },
    {
      statement: {
        sql: `SELECT "table", rowid, parent FROM pragma_foreign_key_check LIMIT ${MAX_FINDINGS}`,
      },
      findingsOf: (rows) =>
        rows.map(([table, rowid, parent]) => ({
          kind: "foreign key",
          observed: `row ${rowid} of ${table} points at a row of ${parent} that is not there`,
        })),
    },
    ...timeColumns(connection).map(unitCheck),
  ];
}

function unitCheck(times: TimeColumn): Check {
  const { table, column, last } = times;
  return {
    statement: timeCheck(times, last),
    findingsOf: ([[count] = [0]]) =>
      Number(count) === 0
        ? []
        : [
            {
              kind: "unit",
              observed: `${count} value(s) of ${table}.${column} are no epoch milliseconds`,
            },
          ],
  };
}

async function answersOf(
  connection: Connection,
  {
    statements,
    signal,
    onProgress,
  }: {
    readonly statements: readonly SideStatement[];
    readonly signal: AbortSignal;
    readonly onProgress: (done: number, total: number) => void;
  },
): Promise<readonly (readonly Row[])[]> {
  if (connection.path === IN_MEMORY) {
    return statements
      .slice(1)
      .reduce<Row[][]>(
        (rows, { sql, values = [] }) => [...rows, connection.readOnce(sql, ...values) as Row[]],
        [[]],
      );
  }
  await using side = new SideProcess(signal);
  return await side.ask(
    "sql",
    { path: connection.path, isReader: false, busyTimeoutMs: DEFAULT_BUSY_TIMEOUT_MS, statements },
    { onProgress },
  );
}

/** What was found is kept in the run's row by the error, and shown by `usagedb doctor`. */
function found(path: string, findings: readonly IntegrityFinding[]): OperationError {
  const isDamaged = findings.some(({ kind }) => kind === "structure");
  const code: ErrorCode = isDamaged ? "DATABASE_CORRUPT" : "DATABASE_INVALID";
  return new OperationError(
    code,
    `Cannot call ${path} sound: ${findings[0]?.observed}${findings.length > 1 ? ` and ${findings.length - 1} more` : ""}, expected nothing`,
    {
      details: { path, findings: findings.map(({ kind, observed }) => `${kind}: ${observed}`) },
      hint: isDamaged
        ? "Keep the file; run `usagedb doctor` for what is wrong, `usagedb recover` or `usagedb restore` for the rows."
        : "Run `usagedb doctor`: it names each row and what to do about it.",
    },
  );
}
