/** The whole examination of a database, however ill it is. */
import { UsageDbError } from "../errors.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import type { TranscriptSources } from "../ingest/agents.ts";
import { refuseForeign } from "../store/schema.ts";
import { openUsageDb, type UsageDb } from "../usage-db.ts";
import { examineBackups } from "./backups.ts";
import { examineFile } from "./file.ts";
import { readFileHeader } from "./file-header.ts";
import { type Finding, type TopicReport, TopicNotes, TOPICS, type Topic } from "./finding.ts";
import { examineMaintenance, lastFinishedCheckpoint } from "./maintenance.ts";
import { examineNumbers } from "./numbers.ts";
import { CORRUPT_REMEDY, examineSchema } from "./schema.ts";
import { examineSettings } from "./settings.ts";
import { examineSources } from "./sources.ts";
import { examineSpace } from "./space.ts";
import { examineUnits } from "./units.ts";
import { examineVersions } from "./versions.ts";
import { examineWal } from "./wal.ts";

export interface ExamineOptions {
  /** Absolute. */
  readonly path: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly ownPid: number;
  /** Of the user who asks; null where users have no number. */
  readonly uid: number | null;
  readonly sources: TranscriptSources;
  readonly claudeKeepsDays: number | null;
  readonly toolVersions: { readonly bun: string; readonly usagedb: string };
  /** Schedulers of the system that have an entry for the database; not asked when left out. */
  readonly scheduledBy?: () => readonly string[];
  /** Told which part is looked at, for a sign of progress. */
  readonly onTopic?: (topic: Topic) => void;
}

export interface HealthReport {
  /** False when something needs doing. */
  readonly isHealthy: boolean;
  readonly path: string;
  readonly topics: readonly TopicReport[];
}

/**
 * Looks at everything and changes nothing. A part that cannot be looked at says why, and the others go on.
 * The caller must not have the database open.
 */
export async function examine(options: ExamineOptions): Promise<HealthReport> {
  const { path, now, uid, onTopic } = options;
  const topics: TopicReport[] = [];
  const enter = (...more: readonly TopicReport[]): void => {
    topics.push(...more);
  };
  onTopic?.("file");
  const file = examineFile(path, uid);
  enter(file.report);
  if (file.isDatabaseFile) {
    // Before anything opens it: see `readFileHeader`.
    const header = readFileHeader(path);
    const opened = openForLook(path, now);
    try {
      if (opened.report !== null) enter(opened.report);
      if (opened.db !== null) await lookInside(opened.db, { options, header, enter });
    } finally {
      opened.db?.close();
    }
    onTopic?.("backups");
    enter(guarded("backups", () => examineBackups(path, now())));
  }
  return { isHealthy: isHealthy(topics), path, topics: inOrder(topics) };
}

interface Look {
  readonly options: ExamineOptions;
  readonly header: ReturnType<typeof readFileHeader>;
  readonly enter: (...topics: readonly TopicReport[]) => void;
}

async function lookInside(db: UsageDb, { options, header, enter }: Look): Promise<void> {
  const { path, now, ownPid, sources, claudeKeepsDays, toolVersions, onTopic } = options;
  const { connection } = db;
  const look = (topic: Topic, work: () => TopicReport): void => {
    onTopic?.(topic);
    enter(guarded(topic, work));
  };
  look("versions", () =>
    examineVersions({ ...toolVersions, sqlite: sqliteVersion(connection), header }),
  );
  look("settings", () => examineSettings(connection));
  look("space", () => examineSpace(connection));
  onTopic?.("wal");
  enter(
    await examineWal({
      path,
      ownPid,
      lastFinishedAt: unlessAbsent(() => lastFinishedCheckpoint(db)),
    }),
  );
  onTopic?.("integrity");
  enter(...guardedAll(["schema", "integrity"], () => examineSchema(db.migrations)));
  look("units", () => examineUnits(connection, now()));
  look("numbers", () => examineNumbers(db));
  look("maintenance", () =>
    examineMaintenance(db, { now: now(), scheduledBy: options.scheduledBy ?? null }),
  );
  look("sources", () => examineSources({ store: db, sources, claudeKeepsDays, now: now() }));
}

interface Opening {
  readonly db: UsageDb | null;
  /** Why it was not opened. */
  readonly report: TopicReport | null;
}

function openForLook(path: string, now: () => number): Opening {
  let db: UsageDb | null = null;
  try {
    db = openUsageDb(path, { mode: "read", migrate: false, now });
    refuseForeign(db.connection);
    return { db, report: null };
  } catch (error) {
    db?.close();
    const notes = new TopicNotes("integrity");
    notes.problem(path, describe(error));
    return { db: null, report: notes.report() };
  }
}

function guarded(topic: Topic, work: () => TopicReport): TopicReport {
  return guardedAll([topic], () => [work()])[0] as TopicReport;
}

/** What says something of the database; anything else, of the look at it. */
const TELLING: ReadonlySet<string> = new Set(["DATABASE_CORRUPT", "DATABASE_IO", "VALUE_INVALID"]);

/** A part that fails says why in the first of its topics. */
function guardedAll(
  topics: readonly Topic[],
  work: () => readonly TopicReport[],
): readonly TopicReport[] {
  try {
    return work();
  } catch (error) {
    const [first = "file"] = topics;
    const notes = new TopicNotes(first);
    if (error instanceof UsageDbError && TELLING.has(error.code))
      notes.problem("database", describe(error));
    else notes.notChecked(error instanceof Error ? error.message : String(error));
    return [notes.report()];
  }
}

/** Null where an older schema has no such table. */
function unlessAbsent<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof UsageDbError) return null;
    throw error;
  }
}

function describe(error: unknown): Pick<Finding, "observed" | "remedy"> {
  if (error instanceof UsageDbError) {
    const isCorrupt = error.code === "DATABASE_CORRUPT";
    return { observed: error.message, remedy: isCorrupt ? CORRUPT_REMEDY : error.hint };
  }
  return {
    observed: error instanceof Error ? error.message : String(error),
    remedy: "Report this, with the message.",
  };
}

function sqliteVersion(connection: Connection): string {
  return String(connection.readOnce("SELECT sqlite_version()")[0]?.[0]);
}

function isHealthy(topics: readonly TopicReport[]): boolean {
  return topics.every(({ findings }) => findings.every(({ degree }) => degree === "remark"));
}

function inOrder(topics: readonly TopicReport[]): TopicReport[] {
  return topics.toSorted((left, right) => TOPICS.indexOf(left.topic) - TOPICS.indexOf(right.topic));
}
