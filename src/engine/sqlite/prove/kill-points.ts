/**
 * Strategy: for each version, up and down, on tables with rows, a process of its own runs the step and is killed with
 * SIGKILL before one statement: the migration's, or the engine's between BEGIN and COMMIT.
 * Invariants: the database is sound; it is at the version before or after the step, with exactly that version's
 * schema; before it, with exactly the rows that it had; and the same step, run again, completes.
 */
import { type SourcePosition, UsageDbError } from "../../../errors.ts";
import type { Migration } from "../../../migration/migration.ts";
import type { Direction } from "../../../migration/plan.ts";
import { positionIn, statementsOf } from "../../../migration/sections.ts";
import { formatVersion, NO_VERSION, type Version } from "../../../migration/version.ts";
import type { MigrationSource } from "../../source.ts";
import { compareContent } from "./content.ts";
import { type CrashJob, runWatched } from "./crash.ts";
import type { Images } from "./images.ts";
import { startOf } from "./position.ts";
import type { Random } from "./random.ts";
import { failed, failedBy, notTested, passed, type ProofCheck } from "./report.ts";
import type { Sandbox } from "./sandbox.ts";

export interface KillPointOptions {
  readonly sandbox: Sandbox;
  readonly images: Images;
  readonly source: MigrationSource;
  readonly migrations: readonly Migration[];
  /** Versions whose own round trip fails. */
  readonly skip: ReadonlySet<Version>;
  readonly random: Random;
  /** The command line of a process that runs a job and kills itself before the statement of this number. */
  readonly crasher: (job: CrashJob, killAt: number) => readonly string[];
  /** How many statements to kill at, at most; null kills at every one. */
  readonly maxKills: number | null;
  readonly parallelism: number;
  /** Awaited before each kill; what it throws ends the proof. */
  readonly onKill: () => Promise<void>;
}

interface KillPoint {
  readonly migration: Migration;
  readonly direction: Direction;
  readonly from: Version;
  readonly to: Version;
  readonly killAt: number;
  readonly sql: string;
}

const TIMEOUT_MS = 60_000;
const MAX_SHOWN = 60;

/** One check for all kills that left a whole version, one for each that did not, one for those that were left out. */
export async function proveKillPoints(options: KillPointOptions): Promise<ProofCheck[]> {
  const points = options.migrations
    .filter(({ version }) => !options.skip.has(version))
    .flatMap((migration) => pointsOf(options, migration));
  const chosen = spread(points, options);
  const results: ProofCheck[][] = [];
  const waiting = chosen.entries();
  let killedCount = 0;
  const work = async (): Promise<void> => {
    for (const [index, point] of waiting) {
      await options.onKill();
      const { wasKilled, checks } = await kill(options, point);
      if (wasKilled) killedCount++;
      results[index] = checks;
    }
  };
  await Promise.all(Array.from({ length: options.parallelism }, work));
  const found = results.flat();
  const open =
    chosen.length < points.length
      ? [
          notTested("kill-points", "directory", {
            observed: `${points.length - chosen.length} of ${points.length} statements were left out: those in between, evenly`,
            remedy: "Pass `--torture N` to kill at every statement.",
          }),
        ]
      : [];
  if (found.length > 0) return [...found, ...open];
  if (killedCount === 0 && chosen.length > 0)
    return [
      failed("kill-points", "directory", {
        observed: `none of ${chosen.length} processes was killed: it ended before`,
        remedy: "Run `migrate up` by hand and read what it says.",
      }),
    ];
  const observed = `killed before ${killedCount} statements, each time a whole version was left and completed`;
  return [passed("kill-points", "directory", observed), ...open];
}

/** Every statement of a version's up and down, counted by running them once. */
function pointsOf(options: KillPointOptions, migration: Migration): KillPoint[] {
  const { images, source, migrations } = options;
  const at = migrations.indexOf(migration);
  const below = migrations[at - 1]?.version ?? NO_VERSION;
  const ways = [
    { direction: "up" as const, from: below, to: migration.version },
    ...(migration.down === null
      ? []
      : [{ direction: "down" as const, from: migration.version, to: below }]),
  ];
  return ways.flatMap((way) => {
    const path = images.copy(way.from);
    const statements: string[] = [];
    try {
      const job = { databasePath: path, direction: way.direction, target: way.to };
      runWatched(job, source, (_, sql) => statements.push(sql));
    } catch (error) {
      if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
      // What does not run on these rows is named by the pairs.
      return [];
    } finally {
      images.drop(path);
    }
    return statements.map((sql, index) => ({ ...way, migration, killAt: index + 1, sql }));
  });
}

/** As many as are wanted, evenly over all of them, from a place that the seed chooses. */
function spread(
  points: readonly KillPoint[],
  { maxKills, random }: KillPointOptions,
): readonly KillPoint[] {
  if (maxKills === null || points.length <= maxKills) return points;
  const stride = points.length / maxKills;
  const offset = random.next() * stride;
  return Array.from(
    { length: maxKills },
    (_, index) => points[Math.floor(offset + index * stride)],
  ).filter((point) => point !== undefined);
}

async function kill(
  { sandbox, images, crasher }: KillPointOptions,
  point: KillPoint,
): Promise<{ readonly wasKilled: boolean; readonly checks: ProofCheck[] }> {
  const { from, to, direction, killAt } = point;
  const path = images.copy(from);
  try {
    const child = Bun.spawn([...crasher({ databasePath: path, direction, target: to }, killAt)], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      timeout: TIMEOUT_MS,
      killSignal: "SIGTERM",
    });
    const stderr = await child.stderr.text();
    await child.exited;
    const wasKilled = child.signalCode === "SIGKILL";
    if (!wasKilled && child.exitCode !== 0) {
      const observed = `the process exited with ${child.exitCode ?? child.signalCode ?? "nothing"}: ${stderr.trim().split("\n").at(-1) ?? ""}`;
      return { wasKilled, checks: [broken(point, observed)] };
    }
    return { wasKilled, checks: afterKill(sandbox, images, { path, point }) };
  } finally {
    images.drop(path);
  }
}

function afterKill(
  sandbox: Sandbox,
  images: Images,
  { path, point }: { readonly path: string; readonly point: KillPoint },
): ProofCheck[] {
  const { from, to, direction } = point;
  const observed: string[] = [];
  try {
    let isBefore = false;
    {
      using database = sandbox.open(path);
      const { connection, migrator } = database;
      const { currentVersion } = migrator.status();
      isBefore = currentVersion === from;
      if (currentVersion !== from && currentVersion !== to)
        observed.push(`version ${currentVersion} is left, expected ${from} or ${to}`);
      observed.push(
        ...connection
          .readOnce("PRAGMA integrity_check(5)")
          .map(([message]) => String(message))
          .filter((message) => message !== "ok"),
        ...images.differences(connection, currentVersion),
      );
    }
    if (isBefore) {
      for (const { table, lost, added, changed } of compareContent(path, images.pathOf(from)))
        observed.push(`${table} has ${lost} row(s) less, ${added} more, ${changed} others`);
    }
    using database = sandbox.open(path);
    if (direction === "up") database.migrator.up({ target: to });
    else database.migrator.rollback({ target: to, useFiles: true });
    observed.push(
      ...images.differences(database.connection, to).map((line) => `run again: ${line}`),
    );
  } catch (error) {
    if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
    const check = failedBy("kill-points", subjectOf(point), error);
    return [
      {
        ...check,
        observed: `after a kill ${placeOf(point)}, run again: ${check.observed}`,
        version: point.migration.version,
        position: check.position ?? positionOf(point),
      },
    ];
  }
  return observed.map((text) => broken(point, text));
}

const subjectOf = ({ migration, direction }: KillPoint): string =>
  `${direction} ${formatVersion(migration.version)}_${migration.name}`;

function placeOf(point: KillPoint): string {
  const text = point.sql.replaceAll(/\s+/g, " ");
  const shown = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return `before statement ${point.killAt} of ${subjectOf(point)} (${shown})`;
}

/** The statement itself where it is the migration's own, else where the step begins. */
function positionOf({ migration, direction, sql }: KillPoint): SourcePosition | null {
  const body = direction === "up" ? migration.up : migration.down;
  const own =
    body?.kind === "sql" ? statementsOf(body).find(({ text }) => text === sql) : undefined;
  return own === undefined || body?.kind !== "sql" ? startOf(body) : positionIn(body, own.start);
}

function broken(point: KillPoint, observed: string): ProofCheck {
  return failed(
    "kill-points",
    subjectOf(point),
    {
      observed: `after a kill ${placeOf(point)}: ${observed}`,
      remedy: "Keep everything that the migration does in its own database and transaction.",
    },
    {
      version: point.migration.version,
      position: positionOf(point),
    },
  );
}
