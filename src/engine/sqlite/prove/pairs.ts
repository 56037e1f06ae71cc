/**
 * From every version to every other one: rows that were written at one version meet all the steps that follow, and
 * must be there again when the steps are undone.
 */
import { UsageDbError } from "../../../errors.ts";
import type { Migration } from "../../../migration/migration.ts";
import { formatVersion, NO_VERSION, type Version } from "../../../migration/version.ts";
import { compareContent } from "./content.ts";
import type { Images } from "./images.ts";
import {
  deletesFrom,
  objectOf,
  overwrites,
  startOf,
  statementAbout,
  writeAbout,
} from "./position.ts";
import type { Random } from "./random.ts";
import { failed, failedBy, notTested, passed, type ProofCheck } from "./report.ts";
import type { SandboxDatabase } from "./sandbox.ts";

export interface PairOptions {
  readonly topic: "pairs-empty" | "pairs-filled";
  readonly images: Images;
  readonly migrations: readonly Migration[];
  /** Versions whose own round trip fails: what crosses them fails too, and says nothing new. */
  readonly skip: ReadonlySet<Version>;
  readonly random: Random;
  /** Pairs are taken until their steps are this many; null takes all. */
  readonly maxSteps: number | null;
  /** Awaited before each pair; what it throws ends the proof. */
  readonly onPair: () => Promise<void>;
}

interface Pair {
  readonly from: Version;
  readonly to: Version;
}

/** One check for all pairs that hold, one for each that does not, and one for those that were left out. */
export async function provePairs(options: PairOptions): Promise<ProofCheck[]> {
  return new Pairs(options).run();
}

class Pairs {
  readonly #options: PairOptions;
  /** Versions in which a pair failed: the next pair across them would only repeat it. */
  readonly #culprits: Set<Version>;

  constructor(options: PairOptions) {
    this.#options = options;
    this.#culprits = new Set(options.skip);
  }

  async run(): Promise<ProofCheck[]> {
    const { topic, onPair } = this.#options;
    const possible = this.#possible();
    const chosen = this.#choose(possible);
    const checks: ProofCheck[] = [];
    let count = 0;
    let skippedCount = 0;
    for (const pair of chosen) {
      await onPair();
      if (this.#crosses(pair).some(({ version }) => this.#culprits.has(version))) {
        skippedCount++;
        continue;
      }
      const found = this.#prove(pair);
      for (const { version } of found) if (version !== null) this.#culprits.add(version);
      checks.push(...found);
      if (found.length === 0) count++;
    }
    const [subject, total] = ["directory", possible.length];
    if (count > 0) checks.push(passed(topic, subject, `${count} of ${total} pairs of versions`));
    if (skippedCount > 0)
      checks.push(
        this.#open(
          `${skippedCount} pairs cross a version that fails by itself`,
          "Mend that first.",
        ),
      );
    if (chosen.length < total)
      checks.push(
        this.#open(
          `${total - chosen.length} of ${total} pairs were left out: the whole way up and down was taken, and others by chance until they had taken ${this.#options.maxSteps} steps`,
          "Pass `--all-pairs` to take them all.",
        ),
      );
    return checks.length > 0 ? checks : [this.#open("there is no pair to go between", null)];
  }

  #open(observed: string, remedy: string | null): ProofCheck {
    return notTested(this.#options.topic, "directory", { observed, remedy });
  }

  /** Every ordered pair that has the downs that it takes. */
  #possible(): Pair[] {
    const versions = [NO_VERSION, ...this.#options.migrations.map(({ version }) => version)];
    return versions.flatMap((from) =>
      versions
        .filter((to) => to !== from)
        .map((to) => ({ from, to }))
        .filter((pair) => pair.to > from || this.#crosses(pair).every(({ down }) => down !== null)),
    );
  }

  #crosses({ from, to }: Pair): readonly Migration[] {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    return this.#options.migrations.filter(({ version }) => version > low && version <= high);
  }

  #choose(possible: readonly Pair[]): readonly Pair[] {
    const { maxSteps, migrations, random } = this.#options;
    if (maxSteps === null) return possible;
    const newest = migrations.at(-1)?.version;
    const isWhole = ({ from, to }: Pair): boolean =>
      Math.min(from, to) === NO_VERSION && Math.max(from, to) === newest;
    const ranked = possible
      .map((pair) => ({ pair, rank: isWhole(pair) ? 0 : 1 + random.next() }))
      .sort((left, right) => left.rank - right.rank)
      .map(({ pair }) => pair);
    let stepCount = 0;
    const chosen = new Set<Pair>();
    for (const pair of ranked) {
      stepCount += this.#crosses(pair).length;
      if (stepCount > maxSteps && chosen.size > 0) break;
      chosen.add(pair);
    }
    return possible.filter((pair) => chosen.has(pair));
  }

  #prove(pair: Pair): ProofCheck[] {
    const { images } = this.#options;
    const { from, to } = pair;
    return images.onCopy(from, (copy, image) => {
      const there = this.#go(copy, pair);
      if (there.length > 0) return there;
      const isUp = to > from;
      if (!isUp || this.#crosses(pair).some(({ down }) => down === null)) return [];
      const back = this.#go(copy, { from: to, to: from });
      if (back.length > 0) return back;
      const differences = compareContent(copy.path, image);
      return differences.length === 0 ? [] : this.#losses(pair, differences);
    });
  }

  /** Goes from one version to another and looks at what it has become. */
  #go({ connection, migrator }: SandboxDatabase, pair: Pair): ProofCheck[] {
    const { topic, images } = this.#options;
    const { from, to } = pair;
    const subject = `version ${formatVersion(from)} to ${formatVersion(to)}`;
    try {
      if (to > from) migrator.up({ target: to });
      else migrator.rollback({ target: to, useFiles: true });
    } catch (error) {
      if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
      const check = failedBy(topic, subject, error);
      const blamed = this.#crosses(pair).find(({ version }) => version === check.version);
      const body = to > from ? blamed?.up : blamed?.down;
      return [
        {
          ...check,
          observed: `${subject}: ${check.observed}`,
          remedy:
            topic === "pairs-empty" || error.code === "MIGRATION_FOREIGN_KEYS"
              ? check.remedy
              : `Bring rows that were written at version ${formatVersion(from)} into shape first, in the same migration.`,
          position: check.position ?? startOf(body ?? null),
        },
      ];
    }
    const integrity = connection
      .readOnce("PRAGMA integrity_check(5)")
      .map(([message]) => String(message))
      .filter((message) => message !== "ok");
    return [...images.differences(connection, to), ...integrity].map((difference) =>
      failed(
        topic,
        subject,
        {
          observed: `${subject} is not version ${formatVersion(to)}: ${difference}`,
          remedy: "Make every down restore exactly what was there before its up.",
        },
        this.#blame(pair, objectOf(difference).name),
      ),
    );
  }

  /** Rows and values that are not there again, unless a statement says that they go. */
  #losses(pair: Pair, differences: ReturnType<typeof compareContent>): ProofCheck[] {
    const { topic } = this.#options;
    if (topic === "pairs-empty") return [];
    const crossed = this.#crosses(pair);
    const bodies = crossed.flatMap(({ up, down }) => (down === null ? [up] : [up, down]));
    const [first, last] = [pair.from, pair.to].map(formatVersion);
    const subject = `version ${first} to ${last} and back`;
    const isLostAbove = this.#lostAbove(pair);
    return differences.flatMap(({ table, lost, changed, columns, lostKeys, changedKeys }) => {
      const found: ProofCheck[] = [];
      const place = this.#blame(pair, table, isLostAbove(table) ? "up" : "down");
      const keys = (list: readonly string[]): string =>
        list.length === 0 ? "" : `, such as ${list.slice(0, 3).join(", ")}`;
      if (lost > 0 && !bodies.some((body) => deletesFrom(body, table)))
        found.push(
          failed(
            topic,
            subject,
            {
              observed: `${subject} loses ${lost} row(s) of ${table}${keys(lostKeys)}`,
              remedy: `Copy every row when ${table} is rebuilt; if rows must go, say so with \`DELETE FROM ${table}\`.`,
            },
            { ...place, table },
          ),
        );
      if (changed > 0 && !bodies.some((body) => overwrites(body, table)))
        found.push(
          failed(
            topic,
            subject,
            {
              observed: `${subject} changes ${columns.map(({ name }) => name).join(", ")} in ${changed} row(s) of ${table}${keys(changedKeys)}`,
              remedy: `Copy every column when ${table} is rebuilt; if values must go, say so with UPDATE or DROP COLUMN.`,
            },
            { ...place, table },
          ),
        );
      return found;
    });
  }

  /** Which tables have lost something above already, before any down. */
  #lostAbove(pair: Pair): (table: string) => boolean {
    const above = this.#options.images.onCopy(pair.from, (copy, image) => {
      copy.migrator.up({ target: pair.to });
      return compareContent(copy.path, image);
    });
    const tables = new Set(
      above.filter(({ lost, changed }) => lost + changed > 0).map(({ table }) => table),
    );
    return (table) => tables.has(table);
  }

  /**
   * The one version of a pair that has to do with an object, and where: the down that should have put it back, or the
   * statement that moved the rows.
   */
  #blame(
    pair: Pair,
    object: string,
    moved?: "up" | "down",
  ): Pick<ProofCheck, "version" | "table" | "position"> {
    const crossed = this.#crosses(pair);
    const [only, ...others] = crossed.filter(
      ({ up, down }) =>
        statementAbout(up, object) !== null || statementAbout(down, object) !== null,
    );
    const culprit = crossed.length === 1 ? crossed[0] : others.length === 0 ? only : undefined;
    if (culprit === undefined) return { version: null, table: null, position: null };
    const { up, down } = culprit;
    const position =
      (moved === undefined ? null : writeAbout(culprit[moved], object)) ??
      statementAbout(down, object) ??
      statementAbout(up, object) ??
      startOf(down) ??
      startOf(up);
    return { version: culprit.version, table: null, position };
  }
}
