/**
 * Strategy: an operation is killed with SIGKILL at a random moment, three times on the same files, and then left
 * alone. By turns a program is killed that writes rows and acknowledges each.
 * Invariants: what a kill leaves is whole; the run that is left alone does the work; no acknowledged row is missing.
 */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openUsageDb } from "../../src/index.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { runCommand } from "./command-process.ts";
import { type Operation, templateOf } from "./operation.ts";
import { operationsOf } from "./operations.ts";
import { Failures, type FaultRow, pick, type RowResult, type RowRun, spread } from "./row.ts";
import { problemsOfPages } from "./soundness.ts";
import { stepsIn } from "./powercut-steps.ts";

const KILLS_PER_CHAIN = 3;
const WRITER = join(import.meta.dir, "acknowledging-writer.ts");

interface Target {
  readonly operation: Operation;
  readonly template: string;
  /** How long a whole run takes. */
  readonly wholeMs: number;
}

async function targetOf(operation: Operation, folder: TempFolder): Promise<Target> {
  const template = await templateOf(operation, folder);
  const cwd = folder.at(`timed-${operation.name}`);
  cpSync(template, cwd, { recursive: true });
  const startedAt = performance.now();
  const { exitCode, stderr } = await runCommand(operation.argv, {
    cwd,
    env: operation.env?.(cwd) ?? {},
  });
  if (exitCode !== 0) throw new Error(`${operation.name} fails without a fault: ${stderr}`);
  return { operation, template, wholeMs: performance.now() - startedAt };
}

/** Kills an operation on one folder; returns how many kills hit, and what is wrong. */
async function killChain(
  { operation, template, wholeMs }: Target,
  { cwd, next }: { readonly cwd: string; readonly next: () => number },
): Promise<{ readonly hits: number; readonly wrong: string[] }> {
  cpSync(template, cwd, { recursive: true });
  const env = operation.env?.(cwd) ?? {};
  const wrong: string[] = [];
  let hits = 0;
  for (let kill = 0; kill < KILLS_PER_CHAIN; kill++) {
    const killAfterMs = wholeMs * (0.2 + next() * 0.75);
    const ended = await runCommand(operation.argv, { cwd, env, killAfterMs });
    if (ended.signal !== null) hits++;
    const copy = `${cwd}-look`;
    cpSync(cwd, copy, { recursive: true });
    const { problems, isComplete } = operation.look(copy);
    rmSync(copy, { recursive: true });
    wrong.push(...problems.map((problem) => `after ${kill + 1} kills: ${problem}`));
    if (ended.exitCode === 0 && !isComplete) wrong.push("it ended with 0, its work undone");
    if (isComplete) return { hits, wrong };
  }
  const last = await runCommand(operation.argv, { cwd, env });
  const { problems, isComplete } = operation.look(cwd);
  if (last.exitCode !== 0) wrong.push(`left alone it ends with ${last.exitCode}: ${last.stderr}`);
  if (!isComplete) wrong.push("left alone it does not do its work");
  return { hits, wrong: [...wrong, ...problems] };
}

/** Kills a program that acknowledges its rows. */
async function killWriter(path: string, afterMs: number): Promise<string[]> {
  const child = Bun.spawn([process.execPath, WRITER, path], { stdout: "pipe", stderr: "ignore" });
  const kill = setTimeout(() => child.kill("SIGKILL"), afterMs);
  const lines = (await child.stdout.text()).split("\n").slice(0, -1);
  await child.exited;
  clearTimeout(kill);
  const acked = Number(lines.at(-1) ?? 0);
  using db = openUsageDb(path);
  const { steps, problems } = stepsIn(db.connection);
  return [
    ...problemsOfPages(db.connection),
    ...problems,
    ...(steps < acked ? [`${acked - steps} acknowledged steps are lost`] : []),
  ];
}

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const targets: Target[] = [];
  for (const operation of operationsOf(options.only))
    targets.push(await targetOf(operation, folder));
  const failures = new Failures("kills", options);
  const perOperation: Record<string, number> = {};
  let [tried, hits] = [0, 0];
  await spread(Math.ceil(options.rounds / KILLS_PER_CHAIN), async (chain) => {
    const round = chain * KILLS_PER_CHAIN;
    const dice = options.chanceOf(round);
    const cwd = folder.at(`chain-${chain}`);
    const target = targets[chain % (targets.length + 1)];
    if (target === undefined && options.only === null) {
      mkdirSync(cwd);
      for (let kill = 0; kill < KILLS_PER_CHAIN; kill++) {
        const wrong = await killWriter(`${cwd}/usage.db`, 60 + dice.next() * 150);
        for (const what of wrong) failures.add(round, `writer: ${what}`);
      }
      perOperation["writer"] = (perOperation["writer"] ?? 0) + KILLS_PER_CHAIN;
      hits += KILLS_PER_CHAIN;
    } else {
      const chosen = target ?? pick(dice, targets);
      const { name } = chosen.operation;
      const result = await killChain(chosen, { cwd, next: () => dice.next() });
      hits += result.hits;
      perOperation[name] = (perOperation[name] ?? 0) + result.hits;
      for (const what of result.wrong) failures.add(round, `${name}: ${what}`, name);
    }
    rmSync(cwd, { recursive: true, force: true });
    tried += KILLS_PER_CHAIN;
    if (chain % 300 === 299) options.tell(`${tried} kills`);
  });
  return { tried: hits, failures: failures.lines, figures: { ...perOperation, planned: tried } };
}

export const kills: FaultRow = {
  name: "kills",
  fault: "kill -9 at random moments",
  target: "whole versions; acknowledged is durable; 0 corrupt; the next run does the work",
  unit: "kills",
  shortRounds: 300,
  longRounds: 10_000,
  skip: process.platform === "win32" ? "Windows has no SIGKILL" : null,
  run,
};
