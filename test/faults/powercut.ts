/**
 * Strategy: a program writes step after step, and every call that changes its files is logged with its bytes. Then the
 * power is cut at a random call: what was written since a file's last flush is lost, or kept, or a part of it, or of
 * its writes some sectors. The files of that disk are opened.
 * Invariants: the database opens, is whole, and holds the first steps, each whole; with FULL at least all that were
 * acknowledged; with NORMAL maybe fewer, never others.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openUsageDb, verifyRollups } from "../../src/index.ts";
import { compileShim, NO_FAULT_SHIM, shimEnv } from "../support/fault-shim.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { DiskImage, LOSSES, type Loss, momentOf } from "./disk-image.ts";
import { type LoggedCall, readLog } from "./logged-calls.ts";
import { stepsIn } from "./powercut-steps.ts";
import { Failures, type FaultRow, pick, type RowResult, type RowRun, whole } from "./row.ts";
import { problemsOfPages } from "./soundness.ts";

const WRITER = join(import.meta.dir, "powercut-writer.ts");
/** Different programs for each setting, the same ones in every run. */
const PROGRAMS = 4;
const STEPS = 60;
const SETTINGS = ["FULL", "NORMAL"] as const;

interface Program {
  readonly setting: (typeof SETTINGS)[number];
  readonly folder: string;
  readonly calls: readonly LoggedCall[];
}

async function record(
  { folder, shim }: { readonly folder: TempFolder; readonly shim: string },
  setting: Program["setting"],
  number: number,
): Promise<Program> {
  const path = folder.at(`${setting}-${number}`);
  mkdirSync(path);
  const log = folder.at(`${setting}-${number}.log`);
  const child = Bun.spawn(
    [process.execPath, WRITER, path, setting, String(number), String(STEPS)],
    {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: path,
        ...shimEnv(shim, { under: path, log }),
      },
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  const [stderr, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
  if (exitCode !== 0) throw new Error(`The program ended with ${exitCode}: ${stderr}`);
  return { setting, folder: path, calls: readLog(log) };
}

interface Cut {
  readonly round: number;
  readonly program: Program;
  readonly moment: number;
  readonly loss: Loss;
}

const NOTHING = { program: null, count: 0, acked: 0 };

/** Opens what the cut left; returns what is wrong, and how many steps are there. */
function judge(
  files: ReadonlyMap<string, Buffer>,
  { folder, setting }: Program,
  { state, acked }: { readonly state: string; readonly acked: number },
): { readonly problems: string[]; readonly steps: number } {
  mkdirSync(state);
  for (const [path, bytes] of files) {
    const name = path.slice(folder.length + 1);
    // The index of the WAL lives in memory; SQLite builds it anew.
    if (!name.endsWith("-shm")) writeFileSync(join(state, name), bytes);
  }
  try {
    using db = openUsageDb(join(state, "usage.db"));
    const { steps, problems } = stepsIn(db.connection);
    const lost = setting === "FULL" && steps < acked ? [`${acked - steps} steps are lost`] : [];
    const wrong = [
      ...problemsOfPages(db.connection),
      ...verifyRollups(db),
      ...problems,
      ...lost,
      ...(steps > acked + 1 ? [`${steps} steps, of ${acked} that were acknowledged`] : []),
    ];
    return { problems: wrong, steps };
  } catch (error) {
    return { problems: [`cannot be opened: ${String(error)}`], steps: 0 };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** Which program, moment and loss each round has; in the order of the programs' calls, to play each once. */
function planCuts(programs: readonly Program[], { rounds, chanceOf }: RowRun): Cut[] {
  const cuts = Array.from({ length: rounds }, (_, round) => {
    const dice = chanceOf(round);
    const program = pick(dice, programs);
    return {
      round,
      program,
      moment: momentOf(program.calls.length, dice),
      loss: pick(dice, LOSSES),
    };
  });
  const order = (cut: Cut): number => programs.indexOf(cut.program) * 1e9 + cut.moment;
  return cuts.toSorted((left, right) => order(left) - order(right));
}

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const shim = await compileShim(folder);
  const programs = await Promise.all(
    SETTINGS.flatMap((setting) =>
      Array.from({ length: PROGRAMS }, (_, number) => record({ folder, shim }, setting, number)),
    ),
  );
  const failures = new Failures("powercut", options);
  const states = { FULL: 0, NORMAL: 0 };
  let shorter = 0;
  let lostMost = 0;
  let image = new DiskImage();
  let played: { program: Program | null; count: number; acked: number } = NOTHING;
  for (const [index, { round, program, moment, loss }] of planCuts(programs, options).entries()) {
    if (played.program !== program) {
      image = new DiskImage();
      played = { ...NOTHING, program };
    }
    for (; played.count < moment; played.count++) {
      const call = program.calls[played.count];
      if (call === undefined) break;
      // An acknowledgement is seen by whoever waits for it: no cut takes it back.
      if (call.path.endsWith("/acks")) played.acked = call.at;
      else image.play(call);
    }
    const dice = options.chanceOf(round);
    whole(dice, 1);
    const state = folder.at(`state-${index}`);
    const { acked } = played;
    const { problems, steps } = judge(image.cut(loss, dice), program, { state, acked });
    states[program.setting]++;
    if (steps < acked) {
      shorter++;
      lostMost = Math.max(lostMost, acked - steps);
    }
    for (const problem of problems)
      failures.add(round, `${program.setting}, ${loss} lost at call ${moment}: ${problem}`);
    if (index % 5000 === 4999) options.tell(`${index + 1} states`);
  }
  return {
    tried: states.FULL + states.NORMAL,
    failures: failures.lines,
    figures: {
      ...states,
      "lost a tail (NORMAL)": shorter,
      "most steps lost (NORMAL)": lostMost,
      calls: programs.reduce((sum, { calls }) => sum + calls.length, 0),
      files: readdirSync(folder.path).length,
    },
  };
}

export const powercut: FaultRow = {
  name: "powercut",
  fault: "the power cut at a random moment, logged writes replayed: none, all, some, torn",
  target: "FULL: 0 acknowledged lost; NORMAL: 0 corrupt, only a tail lost",
  unit: "states",
  shortRounds: 1000,
  longRounds: 50_000,
  skip: NO_FAULT_SHIM,
  run,
};
