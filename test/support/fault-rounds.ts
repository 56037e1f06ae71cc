/**
 * How long fault tests go on, and their chance. `USAGEDB_FAULT_ROUNDS=20` multiplies the rounds;
 * `USAGEDB_FAULT_SEED` repeats a run whose seed a failure printed.
 */

export const FAULT_ROUNDS = Math.max(1, Number(process.env["USAGEDB_FAULT_ROUNDS"] ?? 1));

export interface Chance {
  readonly seed: number;
  /** The next number in [0, 1). */
  next(): number;
}

/** A mulberry32 generator. */
export function chance(
  seed = Number(process.env["USAGEDB_FAULT_SEED"] ?? Date.now() >>> 0),
): Chance {
  let state = seed >>> 0;
  return {
    seed,
    next: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
    },
  };
}

/** Runs a fault test and puts the seed into the failure. */
export async function withSeed(dice: Chance, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`USAGEDB_FAULT_SEED=${dice.seed}: ${message}`, { cause: error });
  }
}
