/** The faults of the suite, in the order of docs/RELIABILITY.md. */
import { calls } from "./calls.ts";
import { clocks } from "./clocks.ts";
import { corrupt } from "./corrupt.ts";
import { fullDisk } from "./full-disk.ts";
import { held } from "./held.ts";
import { kills } from "./kills.ts";
import { model } from "./model.ts";
import { powercut } from "./powercut.ts";
import type { FaultRow } from "./row.ts";
import { soak } from "./soak.ts";
import { starts } from "./starts.ts";
import { writers } from "./writers.ts";

export const ROWS: readonly FaultRow[] = [
  kills,
  calls,
  powercut,
  starts,
  writers,
  model,
  corrupt,
  fullDisk,
  held,
  clocks,
  soak,
];
