/** Every benchmark, in the order of the table. */
import type { Benchmark } from "../contender.ts";
import { batch } from "./batch.ts";
import { agent } from "./agent.ts";
import { fresh } from "./fresh.ts";
import { hazards } from "./hazards.ts";
import { heavy } from "./heavy.ts";
import { insert } from "./insert.ts";
import { noop } from "./noop.ts";
import { open } from "./open.ts";
import { prune } from "./prune.ts";
import { read } from "./read.ts";
import { rehearse } from "./rehearse.ts";
import { steady } from "./steady.ts";
import { sync } from "./sync.ts";
import { usage } from "./usage.ts";

export const BENCHMARKS: readonly Benchmark[] = [
  noop,
  fresh,
  hazards,
  open,
  insert,
  read,
  sync,
  usage,
  prune,
  steady,
  rehearse,
  heavy,
  batch,
  agent,
];
