/** A row of the suite within the ordinary tests: its short form, whose failures name the seed that repeats them. */
import { expect } from "bun:test";
import { FAULT_ROUNDS, chance } from "../support/fault-rounds.ts";
import { chanceFrom, type FaultRow, type RowResult } from "./row.ts";

/** `USAGEDB_FAULT_ROUNDS` multiplies the rounds, `USAGEDB_FAULT_SEED` chooses the seed. */
export async function holdTo(row: FaultRow, rounds = row.shortRounds): Promise<RowResult> {
  const { seed } = chance();
  console.log(`${row.name}: seed ${seed}`);
  const result = await row.run({
    chanceOf: chanceFrom(seed),
    rounds: rounds * FAULT_ROUNDS,
    only: row.shortOnly ?? null,
    isMeasured: false,
    tell: () => undefined,
  });
  expect(result.failures).toEqual([]);
  expect(result.tried).toBeGreaterThan(0);
  return result;
}

export const FAULT_TIMEOUT_MS = 300_000 * FAULT_ROUNDS;
