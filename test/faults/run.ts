/**
 * The fault suite in its long form: `bun run faults [ROW...] [--seed N] [--rounds M] [--only A,B] [--short] [--record]`.
 * `--short` takes the rounds of the short form, `--record` adds what was tried to results.json and to
 * docs/RELIABILITY.md, `--table` makes its table anew, `--list` shows the rows. Ends with 1 when a promise was broken.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { addResults, PAGE_FILE, readResults, type RecordedRun, withTable } from "./results.ts";
import { chanceFrom, type FaultRow } from "./row.ts";
import { ROWS } from "./rows.ts";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    rounds: { type: "string" },
    only: { type: "string" },
    short: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    table: { type: "boolean", default: false },
  },
});

function numberOf(name: "seed" | "rounds"): number | null {
  const text = values[name];
  if (text === undefined) return null;
  if (!/^\d+$/.test(text)) throw new Error(`--${name} is ${text}, expected a whole number.`);
  return Number(text);
}

function chosenRows(): readonly FaultRow[] {
  const unknown = positionals.filter((name) => !ROWS.some((row) => row.name === name));
  const known = ROWS.map(({ name }) => name).join(", ");
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(", ")}, but ${known}.`);
  return positionals.length === 0 ? ROWS : ROWS.filter(({ name }) => positionals.includes(name));
}

async function runRow(row: FaultRow, seed: number): Promise<RecordedRun | null> {
  if (row.skip !== null) {
    console.log(`${row.name}: skipped, ${row.skip}`);
    return null;
  }
  const rounds = numberOf("rounds") ?? (values.short ? row.shortRounds : row.longRounds);
  const only = values.only?.split(",") ?? (values.short ? (row.shortOnly ?? null) : null);
  console.log(`${row.name}: ${row.fault}\n  seed ${seed}, expected: ${row.target}`);
  const startedAt = performance.now();
  const result = await row.run({
    chanceOf: chanceFrom(seed),
    rounds,
    only,
    isMeasured: !values.short,
    tell: (line) => console.log(`  ${line}`),
  });
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const figures = Object.entries(result.figures).map(([name, value]) => `${name}: ${value}`);
  console.log(`  ${result.tried} ${row.unit} in ${seconds} s · ${figures.join(" · ")}`);
  console.log(`  ${result.failures.length} failure(s)`);
  for (const failure of result.failures.slice(0, 50)) console.error(`  FAILED ${failure}`);
  return {
    row: row.name,
    date: new Date().toISOString().slice(0, 10),
    seed,
    tried: result.tried,
    seconds,
    failures: result.failures.length,
    figures: result.figures,
  };
}

const writeTable = (): void =>
  writeFileSync(PAGE_FILE, withTable(readFileSync(PAGE_FILE, "utf8"), readResults()));

if (values.table) {
  writeTable();
} else if (values.list) {
  for (const { name, fault, unit, shortRounds, longRounds } of ROWS)
    console.log(`${name.padEnd(10)} ${fault} (${unit}: ${shortRounds} or ${longRounds})`);
} else {
  const runs: RecordedRun[] = [];
  for (const row of chosenRows()) {
    const run = await runRow(row, numberOf("seed") ?? Math.floor(Math.random() * 1e9));
    if (run === null) continue;
    runs.push(run);
    if (!values.record) continue;
    addResults([run]);
    writeTable();
  }
  if (runs.some(({ failures }) => failures > 0)) process.exitCode = 1;
}
