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
import { describeSchema, type SchemaObject } from "../schema.ts";
import { proveDefaults } from "./defaults.ts";
import { labelOf, startOf } from "./position.ts";
import type { ProveOptions } from "./prove-options.ts";
import {
  failed,
  failedBy,
  passed,
  type ProofCheck,
  type ProofReport,
  type ProofTopic,
  summarise,
} from "./report.ts";
import { proveRollback } from "./rollback.ts";
import { Sandbox } from "./sandbox.ts";
import { leftOut, ProofTopics } from "./topics.ts";
import { proveIdempotence, proveValid } from "./whole.ts";

export type { ProveOptions } from "./prove-options.ts";

const DEFAULT_ROWS = 20;

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
    const topics = this.#topics();
    const list: [ProofTopic, () => ProofCheck[] | Promise<ProofCheck[]>][] = [
      ["idempotence", () => proveIdempotence(this.#sandbox, this.#options.source)],
      ["validate", () => proveValid(this.#sandbox, this.#migrations)],
      ["rollback", () => proveRollback(this.#sandbox, this.#migrations)],
      ["round-trip-empty", () => topics.roundTrips(false)],
      ["round-trip-filled", () => topics.roundTrips(true)],
      ["pairs-empty", () => topics.pairs("pairs-empty")],
      ["pairs-filled", () => topics.pairs("pairs-filled")],
      ["constraints", () => topics.constraints()],
      ["foreign-keys", () => topics.foreignKeys()],
      ["defaults", () => proveDefaults(this.#sandbox, this.#migrations)],
      ["concurrent-starts", () => topics.concurrentStarts(starter)],
      ["kill-points", () => topics.killPoints(killRounds > 0)],
    ];
    if (killRounds > 0) list.push(["kills", () => topics.kills(starter, killRounds)]);
    for (const [topic, prove] of list) {
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

  #topics(): ProofTopics {
    return new ProofTopics({
      options: this.#options,
      migrations: this.#migrations,
      sandbox: this.#sandbox,
      freshSchema: this.#freshSchema,
      rows: this.#rows,
      failedIn: (...topics) => this.#failedIn(...topics),
      pause: () => this.#pause(),
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

  #failedIn(...topics: readonly ProofTopic[]): Set<Version> {
    return new Set(
      this.#checks
        .filter(({ topic, status }) => topics.includes(topic) && status === "failed")
        .flatMap(({ version }) => (version === null ? [] : [version])),
    );
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
