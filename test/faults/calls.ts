/**
 * Strategy: an operation runs once and its calls that write, flush, truncate, make, rename or unlink a file are
 * listed; then it runs again and again, each time with another call that is its last, fails, or is done by half.
 * Invariants: what it leaves is whole; it ends with 0 only when its work is done; else it ends with a typed error and
 * a hint; the same command, run again, does the work.
 */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import {
  compileShim,
  FAULT_MODES,
  isMeant,
  NO_FAULT_SHIM,
  readCalls,
  shimEnv,
  type FaultMode,
} from "../support/fault-shim.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { type Ended, faultOfFailure, runCommand } from "./command-process.ts";
import { type Operation, templateOf } from "./operation.ts";
import { operationsOf } from "./operations.ts";
import { type FaultRow, type RowResult, type RowRun, spread } from "./row.ts";

interface Point {
  readonly operation: Operation;
  readonly template: string;
  readonly call: number;
  readonly kind: string;
  readonly mode: FaultMode;
}

/** Every call of an operation in every mode that means something to it. */
async function pointsOf(
  operation: Operation,
  { folder, shim }: { readonly folder: TempFolder; readonly shim: string },
): Promise<Point[]> {
  const template = await templateOf(operation, folder);
  const path = folder.at(`whole-${operation.name}`);
  cpSync(template, path, { recursive: true });
  const list = folder.at(`calls-${operation.name}`);
  const env = { ...operation.env?.(path), ...shimEnv(shim, { under: path, list }) };
  const ended = await runCommand(operation.argv, { cwd: path, env });
  const { problems, isComplete } = operation.look(path);
  if (ended.exitCode !== 0 || !isComplete || problems.length > 0)
    throw new Error(`${operation.name} fails without a fault: ${ended.stderr} ${problems.join()}`);
  rmSync(path, { recursive: true });
  return readCalls(list).flatMap((call, index) =>
    FAULT_MODES.filter((mode) => isMeant(mode, call)).map((mode) => ({
      operation,
      template,
      call: index + 1,
      kind: call.kind,
      mode,
    })),
  );
}

/** What a copy of the folder says, so that looking changes nothing that the next run will find. */
function lookAtCopy(operation: Operation, path: string): ReturnType<Operation["look"]> {
  const copy = `${path}-look`;
  cpSync(path, copy, { recursive: true });
  try {
    return operation.look(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** What is wrong with how an operation met its fault; empty when nothing is. */
async function meetPoint(
  { operation, template, call, mode }: Point,
  { folder, shim, index }: { folder: TempFolder; shim: string; index: number },
): Promise<{ readonly wrong: string[]; readonly ended: Ended }> {
  const path = folder.at(`point-${index}`);
  mkdirSync(path);
  cpSync(template, path, { recursive: true });
  const env = operation.env?.(path) ?? {};
  const ended = await runCommand(operation.argv, {
    cwd: path,
    env: { ...env, ...shimEnv(shim, { under: path, at: call, mode }) },
  });
  const wrong: string[] = [];
  if (ended.isHung) wrong.push("it hung");
  const left = lookAtCopy(operation, path);
  wrong.push(...left.problems.map((problem) => `left behind: ${problem}`));
  const isKilled = ended.signal === "SIGKILL" && (mode === "kill" || mode === "torn");
  if (ended.exitCode === 0 && !left.isComplete) wrong.push("it ended with 0, its work undone");
  if (ended.exitCode !== 0 && !isKilled) {
    const fault = faultOfFailure(ended);
    if (fault !== null) wrong.push(fault);
  }
  if (!left.isComplete) {
    const again = await runCommand(operation.argv, { cwd: path, env });
    const after = operation.look(path);
    if (again.exitCode !== 0)
      wrong.push(`run again it ends with ${again.exitCode}: ${again.stderr}`);
    if (!after.isComplete) wrong.push("run again it does not do its work");
    wrong.push(...after.problems.map((problem) => `after another run: ${problem}`));
  }
  rmSync(path, { recursive: true, force: true });
  return { wrong, ended };
}

/** As many points as were asked for, by chance; all of them in their order when that is no fewer. */
function sample(points: readonly Point[], { rounds, chanceOf }: RowRun): readonly Point[] {
  if (rounds >= points.length) return points;
  const dice = chanceOf(0);
  return points
    .map((point) => ({ point, key: dice.next() }))
    .toSorted((left, right) => left.key - right.key)
    .slice(0, rounds)
    .map(({ point }) => point);
}

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const shim = await compileShim(folder);
  const points: Point[] = [];
  for (const operation of operationsOf(options.only))
    points.push(...(await pointsOf(operation, { folder, shim })));
  const chosen = sample(points, options);
  const failures: string[] = [];
  let survived = 0;
  let refused = 0;
  await spread(chosen.length, async (index) => {
    const point = chosen[index];
    if (point === undefined) return;
    const { wrong, ended } = await meetPoint(point, { folder, shim, index });
    if (ended.exitCode === 0) survived++;
    else if (ended.signal === null) refused++;
    const name = `${point.operation.name}, ${point.mode} at call ${point.call} (${point.kind})`;
    failures.push(
      ...wrong.map(
        (what) =>
          `${name}: ${what} [bun run faults calls --only ${point.operation.name} --rounds ${options.rounds} --seed ${options.chanceOf(0).seed}]`,
      ),
    );
    if (index % 500 === 499) options.tell(`${index + 1} of ${chosen.length} points`);
  });
  const operations = new Set(points.map(({ operation }) => operation.name));
  return {
    tried: chosen.length,
    failures,
    figures: {
      operations: [...operations].join(" "),
      points: points.length,
      "ended with 0": survived,
      "typed error": refused,
    },
  };
}

export const calls: FaultRow = {
  name: "calls",
  fault: `${FAULT_MODES.join(", ")} at every write, flush, truncation, creation, rename and unlink`,
  target: "whole; a typed error, or 0 and done; run again it succeeds",
  unit: "points",
  shortRounds: Number.MAX_SAFE_INTEGER,
  longRounds: Number.MAX_SAFE_INTEGER,
  shortOnly: ["sync", "prune"],
  skip: NO_FAULT_SHIM,
  run,
};
