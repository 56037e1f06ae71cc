/**
 * Proves a directory of migrations in temporary files, without a database of the user's.
 *
 * Strategy: build databases from the migrations alone, fill them by seeded trial, take every step there and
 * back, break every constraint, start several processes at once. Invariant: what is not seen to hold is
 * reported as failed or as not tested, never as passed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { OperationError, UsageDbError } from "../../../errors.ts";
import type { Migration } from "../../../migration/migration.ts";
import type { Version } from "../../../migration/version.ts";
import { fixedSource } from "../../fixed-source.ts";
import { proveConstraints, proveForeignKeys } from "./constraints.ts";
import { proveDefaults } from "./defaults.ts";
import { TableFiller } from "./fill.ts";
import { Images } from "./images.ts";
import { proveKillPoints } from "./kill-points.ts";
import { provePairs } from "./pairs.ts";
import type { ProveOptions } from "./prove-options.ts";
import { labelOf, startOf } from "./position.ts";
import { Random } from "./random.ts";
import {
  failed,
  failedBy,
  notTested,
  passed,
  type ProofCheck,
  type ProofReport,
  type ProofTopic,
  summarise,
} from "./report.ts";
import { proveRollback } from "./rollback.ts";
import { proveRoundTrips } from "./round-trip.ts";
import { Sandbox, type SandboxDatabase } from "./sandbox.ts";
import { proveConcurrentStarts, proveKills } from "./starts.ts";
import { findingPlace, proveIdempotence, proveValid } from "./whole.ts";
import { describeSchema, type SchemaObject } from "../schema.ts";
import { validateConnection } from "../validate.ts";

export type { ProveOptions } from "./prove-options.ts";

const DEFAULT_ROWS = 20;
const START_COUNT = 8;
/** Enough for all pairs of fifteen versions and 0. */
const DEFAULT_PAIR_STEPS = 1400;
const DEFAULT_KILL_POINTS = 500;
const DEFAULT_KILLS = 16;
const KILL_PARALLELISM = 3;

/**
 * Proves every topic in turn; a defect of the migrations is a failed check, not an error.
 * @throws {OperationError} MIGRATIONS_NOT_FOUND, CANCELLED, or what the disk is to blame for.
 */
export async function proveMigrations(options: ProveOptions): Promise<ProofReport> {
  const folder = mkdtempSync(`${options.scratch}/usagedb-proof-`);
  try {
    return await new Proof(options, folder).run();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Proof {
  readonly #options: ProveOptions;
  readonly #folder: string;
  readonly #rows: number;
  readonly #checks: ProofCheck[] = [];
  #migrations: readonly Migration[] = [];
  #sandbox: Sandbox;
  #freshSchema: readonly SchemaObject[] = [];

  constructor(options: ProveOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#rows = options.rows ?? DEFAULT_ROWS;
    this.#sandbox = this.#newSandbox();
  }

  async run(): Promise<ProofReport> {
    const { starter, killRounds = 0 } = this.#options;
    await this.#prove("files", () => this.#files());
    if (this.#isSound()) await this.#prove("fresh", () => this.#fresh());
    const isFresh = this.#isSound();
    const topics: [ProofTopic, () => ProofCheck[] | Promise<ProofCheck[]>][] = [
      ["idempotence", () => proveIdempotence(this.#sandbox, this.#options.source)],
      ["validate", () => proveValid(this.#sandbox, this.#migrations)],
      ["rollback", () => proveRollback(this.#sandbox, this.#migrations)],
      ["round-trip-empty", () => this.#roundTrips(false)],
      ["round-trip-filled", () => this.#roundTrips(true)],
      ["pairs-empty", () => this.#pairs("pairs-empty")],
      ["pairs-filled", () => this.#pairs("pairs-filled")],
      ["constraints", () => this.#constraints()],
      ["foreign-keys", () => this.#foreignKeys()],
      ["defaults", () => proveDefaults(this.#sandbox, this.#migrations)],
      ["concurrent-starts", () => this.#concurrentStarts(starter)],
    ];
    topics.push(["kill-points", () => this.#killPoints(killRounds > 0)]);
    if (killRounds > 0) topics.push(["kills", () => this.#kills(starter, killRounds)]);
    for (const [topic, prove] of topics) {
      await this.#prove(
        topic,
        isFresh ? prove : () => [leftOut(topic, "the migrations do not run on an empty database")],
      );
    }
    return summarise(this.#checks, {
      source: this.#options.source.location,
      versions: this.#migrations.map(({ version }) => version),
      rows: this.#rows,
      seed: this.#options.seed,
    });
  }

  #newSandbox(): Sandbox {
    return new Sandbox({
      folder: this.#folder,
      migrations: this.#migrations,
      applicationId: this.#options.applicationId,
    });
  }

  async #prove(topic: ProofTopic, work: () => ProofCheck[] | Promise<ProofCheck[]>): Promise<void> {
    await this.#pause();
    this.#options.onEvent?.({ type: "topic-started", topic });
    let checks: ProofCheck[];
    try {
      checks = await work();
    } catch (error) {
      // The disk's failures are no verdict on the migrations.
      if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
      checks = [this.#blame(topic, error)];
    }
    this.#checks.push(...checks);
    this.#options.onEvent?.({ type: "topic-finished", topic, checks });
  }

  /** An error of a migration, pinned to its file where it has no better place. */
  #blame(topic: ProofTopic, error: UsageDbError): ProofCheck {
    const migration = this.#migrations.find(({ version }) => version === error.details["version"]);
    const blamed = failedBy(
      topic,
      migration === undefined ? "directory" : labelOf(migration),
      error,
    );
    const body = error.details["direction"] === "down" ? migration?.down : migration?.up;
    return { ...blamed, position: blamed.position ?? startOf(body ?? null) };
  }

  #isSound(): boolean {
    return this.#checks.every(({ status }) => status === "passed");
  }

  #files(): ProofCheck[] {
    this.#migrations = this.#options.source.load();
    if (this.#migrations.length === 0) {
      return [
        failed("files", "directory", {
          observed: "there is no migration in it",
          remedy: "Check `--dir`; migrations are called like 001_create_users.sql.",
        }),
      ];
    }
    this.#sandbox = this.#newSandbox();
    return [passed("files", "directory", `${this.#migrations.length} migration(s) read`)];
  }

  #fresh(): ProofCheck[] {
    using database = this.#sandbox.openAt();
    this.#freshSchema = describeSchema(database.connection);
    const { connection, migrator } = database;
    const { currentVersion } = migrator.status();
    const objects = `${this.#freshSchema.length} object(s)`;
    connection.forgetStatements();
    return [passed("fresh", "directory", `version ${currentVersion}, ${objects}`)];
  }

  #roundTrips(isFilled: boolean): Promise<ProofCheck[]> {
    return proveRoundTrips({
      sandbox: this.#sandbox,
      migrations: this.#migrations,
      filler: isFilled ? this.#newFiller("round-trip") : null,
      skip: isFilled ? this.#failedIn("round-trip-empty") : new Set<Version>(),
      onVersion: () => this.#pause(),
    });
  }

  #failedIn(...topics: readonly ProofTopic[]): Set<Version> {
    return new Set(
      this.#checks
        .filter(({ topic, status }) => topics.includes(topic) && status === "failed")
        .flatMap(({ version }) => (version === null ? [] : [version])),
    );
  }

  #pairs(topic: "pairs-empty" | "pairs-filled"): Promise<ProofCheck[]> {
    const isFilled = topic === "pairs-filled";
    return provePairs({
      topic,
      images: new Images(this.#sandbox, isFilled ? this.#newFiller(topic) : null),
      migrations: this.#migrations,
      skip: this.#failedIn("round-trip-empty", "round-trip-filled", "pairs-empty"),
      random: new Random(this.#options.seed, topic),
      maxSteps:
        this.#options.maxPairSteps === undefined ? DEFAULT_PAIR_STEPS : this.#options.maxPairSteps,
      onPair: () => this.#pause(),
    });
  }

  #newFiller(stream: string): TableFiller {
    return new TableFiller(new Random(this.#options.seed, stream), this.#rows);
  }

  #constraints(): ProofCheck[] {
    return this.#onFilled("constraints", (options) => proveConstraints(options));
  }

  #foreignKeys(): ProofCheck[] {
    return this.#onFilled("foreign-keys", (options) => {
      const { standings } = options.database.migrator.status();
      const findings = validateConnection(options.connection, standings).findings.filter(
        ({ check }) => check === "parent-keys" || check === "foreign-keys",
      );
      const broken = findings.map(({ object, observed, remedy }) =>
        failed(
          "foreign-keys",
          object,
          { observed, remedy },
          findingPlace(this.#migrations, object),
        ),
      );
      return [...broken, ...proveForeignKeys(options)];
    });
  }

  #onFilled(
    topic: ProofTopic,
    prove: (
      options: Parameters<typeof proveConstraints>[0] & { readonly database: SandboxDatabase },
    ) => ProofCheck[],
  ): ProofCheck[] {
    using database = this.#sandbox.openAt();
    const { connection } = database;
    const filler = this.#newFiller(topic);
    const filled = filler.fill(connection);
    const checks = prove({
      connection,
      database,
      filler,
      filled,
      migrations: this.#migrations,
    });
    return checks.length > 0 ? checks : [leftOut(topic, "no table has any")];
  }

  async #concurrentStarts(starter: ProveOptions["starter"]): Promise<ProofCheck[]> {
    if (starter === undefined)
      return [leftOut("concurrent-starts", "no program to start was given")];
    return proveConcurrentStarts(this.#startOptions(starter), START_COUNT);
  }

  async #kills(starter: ProveOptions["starter"], rounds: number): Promise<ProofCheck[]> {
    if (starter === undefined) return [leftOut("kills", "no program to start was given")];
    return proveKills(this.#startOptions(starter), {
      rounds,
      random: new Random(this.#options.seed, "kills"),
      onRound: () => this.#pause(),
    });
  }

  #killPoints(isTorture: boolean): Promise<ProofCheck[]> {
    return proveKillPoints({
      sandbox: this.#sandbox,
      images: new Images(this.#sandbox, this.#newFiller("kill-points")),
      source: fixedSource(this.#migrations, this.#options.source.location),
      migrations: this.#migrations,
      skip: this.#failedIn("round-trip-empty", "round-trip-filled", "pairs-empty", "pairs-filled"),
      random: new Random(this.#options.seed, "kill-points"),
      crasher: this.#options.crasher,
      maxPoints: isTorture ? null : (this.#options.maxKillPoints ?? DEFAULT_KILL_POINTS),
      maxKills: isTorture ? null : DEFAULT_KILLS,
      parallelism: KILL_PARALLELISM,
      onKill: () => this.#pause(),
    });
  }

  #startOptions(
    starter: NonNullable<ProveOptions["starter"]>,
  ): Parameters<typeof proveConcurrentStarts>[0] {
    return {
      sandbox: this.#sandbox,
      migrations: this.#migrations,
      expected: this.#freshSchema,
      starter,
    };
  }

  /** Lets the event loop turn: SQLite works without a pause, and a signal is heard in one only. */
  async #pause(): Promise<void> {
    await Bun.sleep(0);
    if (this.#options.signal?.aborted !== true) return;
    throw new OperationError(
      "CANCELLED",
      "Cannot prove the migrations: it was interrupted, expected to be left to finish",
    );
  }
}

const leftOut = (topic: ProofTopic, observed: string): ProofCheck =>
  notTested(topic, "directory", { observed, remedy: null });
