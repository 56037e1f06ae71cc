#!/usr/bin/env bun
/** `bun bench/run.ts [NAME…] [--rounds N] [--json] [--generator FILE]`: measures and prints one table. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type BenchArguments, readArguments } from "./arguments.ts";
import { BENCHMARKS } from "./benchmarks/index.ts";
import type { Benchmark, Fact } from "./contender.ts";
import { type CaseResult, measureCase } from "./measure.ts";
import { BENCH, DATA } from "./paths.ts";
import { renderFacts, renderTable } from "./table.ts";

const results: CaseResult[] = [];
const facts: Fact[] = [];
const note = (text: string): void => console.error(`… ${text}`);

async function runOne(benchmark: Benchmark, { rounds, generator }: BenchArguments): Promise<void> {
  const folder = join(DATA, benchmark.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  note(`${benchmark.name}: ${benchmark.description}`);
  try {
    const outcome = await benchmark.run({
      folder,
      generator,
      measure: async (benchmarkCase) => {
        note(benchmarkCase.name);
        results.push(await measureCase(benchmarkCase, rounds));
      },
      report: (fact) => facts.push(fact),
      note,
    });
    if (outcome !== undefined)
      facts.push({ name: benchmark.name, value: `skipped: ${outcome.skipped}` });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function choose(names: readonly string[]): readonly Benchmark[] {
  const known = BENCHMARKS.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Error(`Cannot run ${unknown}: expected one of ${known.join(", ")}`);
  return names.length === 0 ? BENCHMARKS : BENCHMARKS.filter(({ name }) => names.includes(name));
}

async function main(): Promise<number> {
  const options = readArguments(process.argv.slice(2), process.env);
  const chosen = choose(options.names);
  if (chosen.some(({ needsPeers }) => needsPeers) && !existsSync(join(BENCH, "node_modules"))) {
    console.error("The migrators to compare with are missing. Run: bun install --cwd bench");
    return 2;
  }
  for (const benchmark of chosen) await runOne(benchmark, options);
  if (options.isJson) console.log(JSON.stringify({ results, facts }, null, 2));
  else {
    if (results.length > 0) console.log(renderTable(results));
    if (facts.length > 0) console.log(`\n${renderFacts(facts)}`);
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
