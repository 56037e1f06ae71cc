/** What a fault of the suite is: a name, a target, how often it is tried, and the work itself. */
import { availableParallelism } from "node:os";
import type { Chance } from "../support/fault-rounds.ts";
import { chance } from "../support/fault-rounds.ts";

export interface RowRun {
  /** The chance of a round, counted from 0: the same seed gives the same round, whatever came before it. */
  readonly chanceOf: (round: number) => Chance;
  readonly rounds: number;
  /** Only these operations, or kinds; all of them when left out. */
  readonly only: readonly string[] | null;
  /** True where measured times are held to bounds and figures have to be flat: not in the ordinary run. */
  readonly isMeasured: boolean;
  readonly tell: (line: string) => void;
}

export interface RowResult {
  /** What was really tried, in the row's unit. */
  readonly tried: number;
  /** What went wrong, one line each, with the seed that repeats it; empty when the promise held. */
  readonly failures: readonly string[];
  /** What was seen beside it, for the table. */
  readonly figures: Readonly<Record<string, number | string>>;
}

export interface FaultRow {
  readonly name: string;
  readonly fault: string;
  readonly target: string;
  /** What a round is: kills, states, files. */
  readonly unit: string;
  readonly shortRounds: number;
  readonly longRounds: number;
  /** What the short form leaves out beside rounds. */
  readonly shortOnly?: readonly string[];
  /** Why it cannot run here; null when it can. */
  readonly skip: string | null;
  run(options: RowRun): Promise<RowResult>;
}

/** The seed of a round is that of the run plus its number, so a failing round is repeated as the first of one. */
export function chanceFrom(seed: number): (round: number) => Chance {
  return (round) => chance((seed + round) >>> 0);
}

/** Notes failures with what repeats them. */
export class Failures {
  readonly lines: string[] = [];
  readonly #row: string;
  readonly #chanceOf: (round: number) => Chance;

  constructor(row: string, { chanceOf }: RowRun) {
    this.#row = row;
    this.#chanceOf = chanceOf;
  }

  add(round: number, what: string, only = ""): void {
    const seed = this.#chanceOf(round).seed;
    const choice = only === "" ? "" : ` --only ${only}`;
    this.lines.push(
      `${what} [bun run faults ${this.#row} --seed ${seed} --rounds 1${choice}]`.slice(0, 2000),
    );
  }
}

/** Runs the work for 0 to count - 1, as many at once as there are cores. */
export async function spread(count: number, work: (round: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  const lanes = Math.max(2, Math.min(8, availableParallelism()));
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** A whole number from 0 to below `end`. */
export function whole(dice: Chance, end: number): number {
  return Math.floor(dice.next() * end);
}

export function pick<T>(dice: Chance, choices: readonly T[]): T {
  const chosen = choices[whole(dice, choices.length)];
  if (chosen === undefined) throw new Error("There is nothing to choose from.");
  return chosen;
}
