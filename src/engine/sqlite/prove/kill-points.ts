/**
 * Strategy: for each version, up and down, on tables with rows, the step is cut off before one statement: the
 * migration's, or the engine's between BEGIN and COMMIT. A killed process leaves its files as they are at that moment,
 * so a copy of them taken in between is what it would leave; some are taken the hard way, by SIGKILL.
 * Invariants: the database is sound; it is at the version before or after the step, with exactly that version's
 * schema; before it, with exactly the rows that it had; and the same step, run again, completes. A step in parts may
 * also be left between two of them.
 */
import { copyFileSync, existsSync } from "node:fs";
import { type SourcePosition, UsageDbError } from "../../../errors.ts";
import type { Migration } from "../../../migration/migration.ts";
import type { Direction } from "../../../migration/plan.ts";
import { positionIn, statementsOf } from "../../../migration/sql-body.ts";
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
  readonly crasher: ((job: CrashJob, killAt: number) => readonly string[]) | undefined;
  /** How many statements to look at, at most; null looks at every one. */
  readonly maxPoints: number | null;
  /** How many of them to kill a process at; null kills at every one. */
  readonly maxKills: number | null;
  readonly parallelism: number;
  /** Awaited before each kill; what it throws ends the proof. */
  readonly onKill: () => Promise<void>;
}

interface KillPoint {
  /** The same for all statements of a step. */
  readonly step: string;
  readonly migration: Migration;
  readonly direction: Direction;
  readonly from: Version;
  readonly to: Version;
  readonly killAt: number;
  readonly sql: string;
}

const TIMEOUT_MS = 60_000;
const MAX_SHOWN = 60;

/** One check for all that left a whole version, one for each that did not, one for those that were left out. */
export async function proveKillPoints(options: KillPointOptions): Promise<ProofCheck[]> {
  const { crasher, random, maxPoints, maxKills, onKill } = options;
  const points = options.migrations
    .filter(({ version }) => !options.skip.has(version))
    .flatMap((migration) => pointsOf(options, migration));
  const chosen = spread(points, maxPoints, random);
  const killed = new Set(crasher === undefined ? [] : spread(chosen, maxKills, random));
  const copied = chosen.filter((point) => !killed.has(point));
  const found: ProofCheck[] = [];
  for (const step of Map.groupBy(copied, (point) => point.step).values()) {
    await onKill();
    found.push(...cutOff(options, step));
  }
  const { killCount, checks } = await killAll(options, crasher, [...killed]);
  found.push(...checks);
  if (killCount === 0 && killed.size > 0 && found.length === 0)
    found.push(
      failed("kill-points", "directory", {
        observed: `none of ${killed.size} processes was killed: it ended before`,
        remedy: "Run `migrate up` by hand and read what it says.",
      }),
    );
  const open =
    chosen.length < points.length
      ? [
          notTested("kill-points", "directory", {
            observed: `${points.length - chosen.length} of ${points.length} statements were left out, evenly between the others`,
            remedy: "Pass `--torture N` to look at every one.",
          }),
        ]
      : [];
  if (found.length > 0) return [...found, ...open];
  if (chosen.length === 0)
    return [notTested("kill-points", "directory", { observed: "no step runs", remedy: null })];
  const how = killCount === 0 ? "" : `, ${killCount} by killing a process`;
  const observed = `cut off before ${chosen.length} statements${how}: always a whole version, and completed`;
  return [passed("kill-points", "directory", observed), ...open];
}

/** Runs a step once and takes a copy of its files before each of the statements. */
function cutOff(options: KillPointOptions, points: readonly KillPoint[]): ProofCheck[] {
  const { images, sandbox, source } = options;
  const [first] = points;
  if (first === undefined) return [];
  const path = images.copy(first.from);
  const wanted = new Map(points.map((point) => [point.killAt, point]));
  const taken: { readonly point: KillPoint; readonly path: string }[] = [];
  try {
    const job = { databasePath: path, direction: first.direction, target: first.to };
    runWatched(job, source, (count) => {
      const point = wanted.get(count);
      if (point === undefined) return;
      const copy = sandbox.newPath();
      taken.push({ point, path: copy });
      // Nobody else has it open, so the locks that this cancels keep nobody out.
      for (const suffix of ["", "-wal"])
        if (existsSync(`${path}${suffix}`)) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`);
    });
    return taken.flatMap((one) => afterKill(sandbox, images, one));
  } finally {
    for (const one of taken) images.drop(one.path);
    images.drop(path);
  }
}

async function killAll(
  options: KillPointOptions,
  crasher: KillPointOptions["crasher"],
  points: readonly KillPoint[],
): Promise<{ readonly killCount: number; readonly checks: ProofCheck[] }> {
  if (crasher === undefined) return { killCount: 0, checks: [] };
  const results: ProofCheck[][] = [];
  const waiting = points.entries();
  let killCount = 0;
  const work = async (): Promise<void> => {
    for (const [index, point] of waiting) {
      await options.onKill();
      const { wasKilled, checks } = await kill(options, crasher, point);
      if (wasKilled) killCount++;
      results[index] = checks;
    }
  };
  await Promise.all(Array.from({ length: options.parallelism }, work));
  return { killCount, checks: results.flat() };
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
    const step = `${way.direction} ${migration.version}`;
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
    return statements.map((sql, index) => ({ ...way, step, migration, killAt: index + 1, sql }));
  });
}

/** As many as are wanted, evenly over all of them, from a place that the seed chooses. */
function spread(
  points: readonly KillPoint[],
  wanted: number | null,
  random: Random,
): readonly KillPoint[] {
  if (wanted === null || points.length <= wanted) return points;
  const stride = points.length / wanted;
  const offset = random.next() * stride;
  return Array.from({ length: wanted }, (_, i) => points[Math.floor(offset + i * stride)]).filter(
    (point) => point !== undefined,
  );
}

async function kill(
  { sandbox, images }: KillPointOptions,
  crasher: NonNullable<KillPointOptions["crasher"]>,
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
      const last = stderr.trim().split("\n").at(-1) ?? "";
      const observed = `the process exited with ${child.exitCode ?? child.signalCode ?? "nothing"}: ${last}`;
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
      const { currentVersion, unfinished } = migrator.status();
      // One between two parts is at neither version; it has to be completed below like the others.
      isBefore = currentVersion === from && unfinished === null;
      if (currentVersion !== from && currentVersion !== to)
        observed.push(`version ${currentVersion} is left, expected ${from} or ${to}`);
      observed.push(
        ...connection
          .readOnce("PRAGMA integrity_check(5)")
          .map(([message]) => String(message))
          .filter((message) => message !== "ok"),
        ...(unfinished === null ? images.differences(connection, currentVersion) : []),
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
