/** What a proof tries once the migrations run on an empty database, topic by topic. */
import type { Migration } from "../../../migration/migration.ts";
import type { Version } from "../../../migration/version.ts";
import { fixedSource } from "../../fixed-source.ts";
import type { SchemaObject } from "../schema.ts";
import { validateConnection } from "../validate.ts";
import { proveConstraints, proveForeignKeys } from "./constraints.ts";
import { TableFiller } from "./fill.ts";
import { Images } from "./images.ts";
import { proveKillPoints } from "./kill-points.ts";
import { provePairs } from "./pairs.ts";
import type { ProveOptions } from "./prove-options.ts";
import { Random } from "./random.ts";
import { failed, notTested, type ProofCheck, type ProofTopic } from "./report.ts";
import { proveRoundTrips } from "./round-trip.ts";
import type { Sandbox, SandboxDatabase } from "./sandbox.ts";
import { proveConcurrentStarts, proveKills } from "./starts.ts";
import { findingPlace } from "./whole.ts";

const START_COUNT = 8;
/** Enough for all pairs of fifteen versions and 0. */
const DEFAULT_PAIR_STEPS = 1400;
const DEFAULT_KILL_POINTS = 500;
const DEFAULT_KILLS = 16;
const KILL_PARALLELISM = 3;

/** What the topics are proved on. */
export interface ProofGround {
  readonly options: ProveOptions;
  readonly migrations: readonly Migration[];
  readonly sandbox: Sandbox;
  /** The schema that the migrations build in an empty database. */
  readonly freshSchema: readonly SchemaObject[];
  readonly rows: number;
  /** The versions that failed a check of these topics so far. */
  readonly failedIn: (...topics: readonly ProofTopic[]) => Set<Version>;
  /** Lets others have their turn; throws when the proof was interrupted. */
  readonly pause: () => Promise<void>;
}

/** The topics that need fillers, images or processes, each as its checks. */
export class ProofTopics {
  readonly #on: ProofGround;

  constructor(ground: ProofGround) {
    this.#on = ground;
  }

  roundTrips(isFilled: boolean): Promise<ProofCheck[]> {
    return proveRoundTrips({
      sandbox: this.#on.sandbox,
      migrations: this.#on.migrations,
      filler: isFilled ? this.#newFiller("round-trip") : null,
      skip: isFilled ? this.#on.failedIn("round-trip-empty") : new Set<Version>(),
      onVersion: () => this.#on.pause(),
    });
  }

  pairs(topic: "pairs-empty" | "pairs-filled"): Promise<ProofCheck[]> {
    const isFilled = topic === "pairs-filled";
    return provePairs({
      topic,
      images: new Images(this.#on.sandbox, isFilled ? this.#newFiller(topic) : null),
      migrations: this.#on.migrations,
      skip: this.#on.failedIn("round-trip-empty", "round-trip-filled", "pairs-empty"),
      random: new Random(this.#on.options.seed, topic),
      maxSteps:
        this.#on.options.maxPairSteps === undefined
          ? DEFAULT_PAIR_STEPS
          : this.#on.options.maxPairSteps,
      onPair: () => this.#on.pause(),
    });
  }

  constraints(): ProofCheck[] {
    return this.#onFilled("constraints", (options) => proveConstraints(options));
  }

  foreignKeys(): ProofCheck[] {
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
          findingPlace(this.#on.migrations, object),
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
    using database = this.#on.sandbox.openAt();
    const { connection } = database;
    const filler = this.#newFiller(topic);
    const filled = filler.fill(connection);
    const checks = prove({
      connection,
      database,
      filler,
      filled,
      migrations: this.#on.migrations,
    });
    return checks.length > 0 ? checks : [leftOut(topic, "no table has any")];
  }

  async concurrentStarts(starter: ProveOptions["starter"]): Promise<ProofCheck[]> {
    if (starter === undefined)
      return [leftOut("concurrent-starts", "no program to start was given")];
    return proveConcurrentStarts(this.#startOptions(starter), START_COUNT);
  }

  async kills(starter: ProveOptions["starter"], rounds: number): Promise<ProofCheck[]> {
    if (starter === undefined) return [leftOut("kills", "no program to start was given")];
    return proveKills(this.#startOptions(starter), {
      rounds,
      random: new Random(this.#on.options.seed, "kills"),
      onRound: () => this.#on.pause(),
    });
  }

  killPoints(isTorture: boolean): Promise<ProofCheck[]> {
    return proveKillPoints({
      sandbox: this.#on.sandbox,
      images: new Images(this.#on.sandbox, this.#newFiller("kill-points")),
      source: fixedSource(this.#on.migrations, this.#on.options.source.location),
      migrations: this.#on.migrations,
      skip: this.#on.failedIn(
        "round-trip-empty",
        "round-trip-filled",
        "pairs-empty",
        "pairs-filled",
      ),
      random: new Random(this.#on.options.seed, "kill-points"),
      crasher: this.#on.options.crasher,
      maxPoints: isTorture ? null : (this.#on.options.maxKillPoints ?? DEFAULT_KILL_POINTS),
      maxKills: isTorture ? null : DEFAULT_KILLS,
      parallelism: KILL_PARALLELISM,
      onKill: () => this.#on.pause(),
    });
  }

  #startOptions(
    starter: NonNullable<ProveOptions["starter"]>,
  ): Parameters<typeof proveConcurrentStarts>[0] {
    return {
      sandbox: this.#on.sandbox,
      migrations: this.#on.migrations,
      expected: this.#on.freshSchema,
      starter,
    };
  }

  #newFiller(stream: string): TableFiller {
    return new TableFiller(new Random(this.#on.options.seed, stream), this.#on.rows);
  }
}

/** A topic that could not be tried, and why. */
export const leftOut = (topic: ProofTopic, observed: string): ProofCheck =>
  notTested(topic, "directory", { observed, remedy: null });
