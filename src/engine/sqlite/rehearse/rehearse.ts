/**
 * Runs a plan on a private copy of a live database, there and back, and says what it would do to the rows in it. The
 * live file is opened without the right to write, and only for the time of the copy; others go on writing meanwhile.
 */
import { type PlanAnalysis, refusedHazards } from "../../../migration/hazard.ts";
import type { HazardKind } from "../../../migration/hazard-kind.ts";
import type { Migration } from "../../../migration/migration.ts";
import { planDown, type PlanUpOptions, planUp, type Step } from "../../../migration/plan.ts";
import { headOf } from "../../../migration/standing.ts";
import { NO_VERSION, type Version } from "../../../migration/version.ts";
import { UsageDbError } from "../../../errors.ts";
import { fixedSource } from "../../fixed-source.ts";
import { createMigrator, type Migrator } from "../../migrator.ts";
import type { MigrationSource } from "../../source.ts";
import type { Connection } from "../connection.ts";
import { createSqliteDriver } from "../driver.ts";
import { analysePlan } from "../hazards/index.ts";
import { IN_MEMORY, openConnection } from "../open.ts";
import { openUntouched } from "../open-untouched.ts";
import { describeSchema, type SchemaObject } from "../schema.ts";
import { assembleReport, type Rehearsed } from "./assemble-report.ts";
import { hazardProblem, type StepBodies } from "./findings.ts";
import { appliedLeftOut, pendingLeftOut } from "./left-out.ts";
import { allowedLosses, writtenLosses } from "./losses.ts";
import { Observer } from "./observer.ts";
import { freeBytesOf, leftCopies, PrivateCopy, refuseFullDisk } from "./private-copy.ts";
import type { RehearsalEvent, RehearsalReport } from "./report.ts";
import { Stage } from "./stage.ts";
import {
  rehearseBackAndThere,
  rehearseThereAndBack,
  rehearseUp,
  type StretchMoments,
} from "./stretch.ts";

export interface RehearseOptions extends PlanUpOptions {
  readonly databasePath: string;
  readonly source: MigrationSource;
  /** Rehearses undoing and redoing this many of the newest applied versions instead of what is pending. */
  readonly last?: number;
  /** Hazards that `up` will be allowed; null when its plan is not guarded. None when left out. */
  readonly allow?: readonly HazardKind[] | null;
  /** An existing folder for the copy; the database's own when left out. */
  readonly folder?: string;
  /** Free bytes of the file system that a folder is on; the real ones when left out. */
  readonly freeBytes?: (folder: string) => number;
  /** Written by the migrations' own program beside the ledger; see `SqliteDriverOptions`. */
  readonly applicationId?: number;
  /** Called with the live database before anything is copied; what it throws stops the rehearsal. */
  readonly refuse?: (live: Connection) => void;
  /** Stops the rehearsal at the next step or check. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RehearsalEvent) => void;
}

/**
 * Rehearses on a copy that is gone when the promise settles, whatever happened. A defect of the migrations is a
 * problem in the report, not an error. Nothing to rehearse is a clean report without a copy.
 *
 * Versions without a down, those below them in the plan, and late ones are rehearsed up only, and named in `leftOut`.
 * @throws {InputError} DATABASE_PATH_INVALID, MIGRATION_TARGET_UNKNOWN.
 * @throws {MigrationError} when there is no plan: an edited, missing or late migration.
 * @throws {OperationError} DATABASE_NOT_FOUND, DATABASE_FULL before anything is written, CANCELLED, or what the disk is
 *   to blame for.
 */
export async function rehearse(options: RehearseOptions): Promise<RehearsalReport> {
  return new Rehearsal(options).run();
}

class Rehearsal {
  readonly #options: RehearseOptions;
  readonly #migrations: readonly Migration[];
  readonly #startedAt = performance.now();
  readonly #freeBytes: (folder: string) => number;

  constructor(options: RehearseOptions) {
    this.#options = options;
    // Read once: a file that is edited meanwhile must not change what is being rehearsed.
    this.#migrations = options.source.load();
    this.#freeBytes = options.freeBytes ?? freeBytesOf;
  }

  async run(): Promise<RehearsalReport> {
    const { databasePath, folder, onEvent = () => undefined } = this.#options;
    const live = this.#lookAtLive();
    if (live.stepCount === 0) {
      const { version } = live;
      return this.#report({ run: null, leftOut: [], fromVersion: version, toVersion: version });
    }
    const left = leftCopies(live.path, folder);
    using copy = PrivateCopy.of(databasePath, {
      ...(folder === undefined ? {} : { folder }),
      freeBytes: this.#freeBytes,
      onCopying: (sizeBytes) => onEvent({ type: "copying", sizeBytes }),
    });
    const { sizeBytes, durationMs } = copy;
    onEvent({ type: "copied", sizeBytes, durationMs });
    const { applicationId, signal } = this.#options;
    const stage = new Stage({ copy, migrations: this.#migrations, applicationId, signal, onEvent });
    for (const path of left)
      stage.remarks.push(
        `${path} was left by a rehearsal that was killed, unless one runs now; delete it`,
      );
    await stage.pause();
    const observer = new Observer(copy);
    for (const table of observer.incomparable)
      stage.remarks.push(`${table} was not compared: only the module of a virtual table could`);
    return this.#options.last === undefined
      ? await this.#pending(copy, stage, observer)
      : await this.#applied(copy, stage, observer);
  }

  /** Nothing is written, and nothing stays open: what is decided here is decided again on the copy. */
  #lookAtLive(): { readonly stepCount: number; readonly version: Version; readonly path: string } {
    using live = openUntouched(this.#options.databasePath);
    this.#options.refuse?.(live);
    const { appliedMigrations } = this.#migratorOver(live).status();
    const steps =
      this.#options.last === undefined
        ? planUp(this.#migrations, appliedMigrations, this.#options)
        : appliedMigrations;
    return { stepCount: steps.length, version: headOf(appliedMigrations), path: live.path };
  }

  async #pending(copy: PrivateCopy, stage: Stage, observer: Observer): Promise<RehearsalReport> {
    const { allow = [] } = this.#options;
    const ledger = stage.migrator.status().appliedMigrations;
    const steps = planUp(this.#migrations, ledger, this.#options);
    const analysis = analysePlan(copy.connection, steps, { withSizes: true });
    this.#refuseGrowth(copy, analysis);
    stage.allowCascades(analysis);
    const refused = allow === null ? [] : refusedHazards(steps, analysis, allow);
    stage.problems.push(...refused.map(hazardProblem));
    const fromVersion = headOf(ledger);
    const leftOut = pendingLeftOut(steps, fromVersion);
    const border = leftOut.length;
    const part = (from: number, to?: number): Parameters<typeof rehearseUp>[0] => ({
      stage,
      observer,
      bodiesOf: (version) => this.#bodiesOf(version),
      losses: allow === null ? new Map() : allowedLosses(steps, analysis, allow),
      analysis: { ...analysis, steps: analysis.steps.slice(from, to) },
    });
    let moments: StretchMoments | null = null;
    if (border > 0)
      moments = await rehearseUp(part(0, border), this.#ups(steps.slice(0, border), fromVersion));
    const isWhole = moments === null || moments.up !== undefined;
    if (isWhole && border < steps.length) {
      if (moments !== null) observer.settle();
      const above = steps.slice(border);
      const below = steps[border - 1]?.version ?? NO_VERSION;
      const bottom = Math.max(below, fromVersion);
      const later = await rehearseThereAndBack(
        part(border),
        this.#ups(above, bottom),
        downs(above, bottom, true),
      );
      moments = { ...later, before: moments?.before ?? later.before };
    }
    const toVersion = steps.at(-1)?.version ?? fromVersion;
    return this.#report({
      run: { copy, stage, moments },
      leftOut,
      fromVersion,
      toVersion: Math.max(toVersion, fromVersion),
    });
  }

  async #applied(copy: PrivateCopy, stage: Stage, observer: Observer): Promise<RehearsalReport> {
    const ledger = stage.migrator.status().appliedMigrations;
    const fromVersion = headOf(ledger);
    const wanted = ledger.slice(-(this.#options.last ?? 0));
    const leftOut = appliedLeftOut(wanted, this.#migrations);
    const doomed = wanted.slice(leftOut.length);
    const bottom = ledger.at(-doomed.length - 1)?.version ?? NO_VERSION;
    if (doomed.length === 0)
      return this.#report({
        run: { copy, stage, moments: null },
        leftOut,
        fromVersion,
        toVersion: fromVersion,
      });
    const steps = planDown(this.#migrations, ledger, { target: bottom });
    const analysis = analysePlan(copy.connection, steps, { withSizes: true });
    this.#refuseGrowth(copy, analysis);
    const moments = await rehearseBackAndThere(
      {
        stage,
        observer,
        analysis,
        bodiesOf: (version) => this.#bodiesOf(version),
        losses: writtenLosses(analysis),
      },
      {
        back: downs(doomed, bottom, false),
        runs: doomed.map(
          ({ version }) =>
            (migrator: Migrator) =>
              migrator.up({ target: version }),
        ),
        expected: this.#builtBy(bottom),
      },
    );
    return this.#report({
      run: { copy, stage, moments },
      leftOut,
      fromVersion,
      toVersion: bottom,
    });
  }

  /** One call a version above the head; late versions lie below it and are applied by one call together. */
  #ups(steps: readonly Step[], head: Version): ((migrator: Migrator) => unknown)[] {
    const allowOutOfOrder = this.#options.allowOutOfOrder === true;
    const targets = new Set(steps.map(({ version }) => Math.max(version, head)));
    return [...targets].map((target) => (migrator) => migrator.up({ target, allowOutOfOrder }));
  }

  /** What is written stays in the copy's WAL: up, down and up again of everything that the plan rewrites. */
  #refuseGrowth(copy: PrivateCopy, { tables }: PlanAnalysis): void {
    const neededBytes = 3 * tables.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
    const folder = this.#options.folder ?? copy.path.replace(/[^/]*\/[^/]*$/, "");
    refuseFullDisk(this.#options.databasePath, folder, {
      neededBytes,
      free: this.#freeBytes(folder),
    });
  }

  /** The schema that the versions up to `version` build from nothing; null when they do not run there. */
  #builtBy(version: Version): SchemaObject[] | null {
    using memory = openConnection(IN_MEMORY);
    try {
      if (version !== NO_VERSION) this.#migratorOver(memory).up({ target: version });
      return describeSchema(memory);
    } catch (error) {
      if (!(error instanceof UsageDbError)) throw error;
      return null;
    }
  }

  #bodiesOf(version: Version): StepBodies {
    const migration = this.#migrations.find((one) => one.version === version);
    return { up: migration?.up ?? null, down: migration?.down ?? null };
  }

  #migratorOver(connection: Connection): Migrator {
    const source = fixedSource(this.#migrations, this.#options.source.location);
    return createMigrator({ driver: createSqliteDriver(connection), source });
  }

  #report(rehearsed: Omit<Rehearsed, "database" | "mode" | "startedAt">): RehearsalReport {
    return assembleReport({
      ...rehearsed,
      database: this.#options.databasePath,
      mode: this.#options.last === undefined ? "pending" : "applied",
      startedAt: this.#startedAt,
    });
  }
}

/**
 * Back to `bottom`, one version a call, newest first. What was applied a moment ago has the same text in its file as in
 * the ledger, and the file's positions are the author's.
 */
function downs(
  versions: readonly { readonly version: Version }[],
  bottom: Version,
  useFiles: boolean,
): ((migrator: Migrator) => unknown)[] {
  return versions
    .map((_, index) => versions[index - 1]?.version ?? bottom)
    .toReversed()
    .map((target) => (migrator) => migrator.rollback({ target, useFiles }));
}
