/** One stretch of versions, there and back: what was there before must be there after, and nothing else. */
import type { PlanAnalysis } from "../../../migration/hazard.ts";
import type { Version } from "../../../migration/version.ts";
import type { Migrator } from "../../migrator.ts";
import { diffSchemas } from "../schema.ts";
import {
  type Blame,
  blameFor,
  contentProblems,
  schemaProblems,
  type StepBodies,
  soundnessProblems,
  unforeseenProblem,
} from "./findings.ts";
import type { Moment, Observer } from "./observer.ts";
import {
  problem,
  type RehearsalMoment,
  type RehearsalProblem,
  type RehearsedStep,
} from "./report.ts";
import type { Stage } from "./stage.ts";
import { isForeseeable, touchedByAny } from "./touched.ts";

export interface StretchOptions {
  readonly stage: Stage;
  readonly observer: Observer;
  /** The analysis of the steps there. */
  readonly analysis: PlanAnalysis;
  readonly bodiesOf: (version: Version) => StepBodies;
  /** Tables, in lower case, that may lose rows or values, each with who says so. */
  readonly losses: ReadonlyMap<string, string>;
}

/** Moments of a stretch, as far as it got. */
export interface StretchMoments {
  readonly before: Moment;
  readonly up?: Moment;
  readonly down?: Moment;
  readonly upAgain?: Moment;
}

type Run = (migrator: Migrator) => unknown;

/** Pending versions that cannot be undone one by one: up only, and what no statement writes must stay as it is. */
export async function rehearseUp(
  options: StretchOptions,
  runs: readonly Run[],
): Promise<StretchMoments> {
  const { stage, observer } = options;
  const before = observer.moment();
  if (!(await stage.take("up", runs))) return { before };
  await stage.checking("up");
  checkBystanders(options, "up");
  checkSoundness(options, "up", "thorough");
  return { before, up: observer.moment() };
}

/**
 * Pending versions that can be undone: up, down and up again.
 * @param back takes the versions down again, newest first, to where the stretch began.
 */
export async function rehearseThereAndBack(
  options: StretchOptions,
  runs: readonly Run[],
  back: readonly Run[],
): Promise<StretchMoments> {
  const { stage, observer } = options;
  const there = await rehearseUp(options, runs);
  const { before, up } = there;
  if (up === undefined || !(await stage.take("down", back))) return there;
  await stage.checking("down");
  const down = observer.moment();
  const blame = blameOf(options);
  const lost = diffSchemas(before.schema.objects, down.schema.objects);
  stage.problems.push(...schemaProblems(lost, "down", blame));
  checkContent(options, "down");
  checkSoundness(options, "down", "quick");
  if (!(await stage.take("up-again", runs))) return { before, up, down };
  await stage.checking("up-again");
  const upAgain = observer.moment();
  const differences = diffSchemas(up.schema.objects, upAgain.schema.objects);
  stage.problems.push(...schemaProblems(differences, "up-again", blame));
  // What the down did wrong is named already; a second up on top of it would only repeat it.
  if (!stage.problems.some(({ moment }) => moment === "down")) checkRowCounts(options, up, upAgain);
  return { before, up, down, upAgain };
}

/**
 * Versions that are applied: down and up again. What a down is seen to lose is what it was written for, and said so.
 * @param expected the schema that the migrations below build, null when they do not.
 */
export async function rehearseBackAndThere(
  options: StretchOptions,
  {
    back,
    runs,
    expected,
  }: {
    readonly back: readonly Run[];
    readonly runs: readonly Run[];
    readonly expected: Moment["schema"]["objects"] | null;
  },
): Promise<StretchMoments> {
  const { stage, observer } = options;
  const blame = blameOf(options);
  const before = observer.moment();
  if (!(await stage.take("down", back))) return { before };
  await stage.checking("down");
  const down = observer.moment();
  if (expected === null)
    stage.remarks.push(
      "the schema after the down could not be compared: the versions below it do not run on an empty database",
    );
  else
    stage.problems.push(
      ...schemaProblems(diffSchemas(expected, down.schema.objects), "down", blame),
    );
  checkBystanders(options, "down");
  checkSoundness(options, "down", "thorough");
  if (!(await stage.take("up-again", runs))) return { before, down };
  await stage.checking("up-again");
  const upAgain = observer.moment();
  const differences = diffSchemas(before.schema.objects, upAgain.schema.objects);
  stage.problems.push(...schemaProblems(differences, "up-again", blame));
  checkContent(options, "up-again");
  checkSoundness(options, "up-again", "quick");
  return { before, down, upAgain };
}

function blameOf({ analysis, bodiesOf }: StretchOptions): Blame {
  return blameFor(analysis, bodiesOf);
}

/** Every table that was there before; what may be lost is said, not held against anybody. */
function checkContent(options: StretchOptions, moment: RehearsalMoment): void {
  const { stage, observer, losses } = options;
  const blame = blameOf(options);
  for (const comparison of observer.compare(() => true)) {
    const { table } = comparison;
    const reason = losses.get(table.toLowerCase());
    const found = contentProblems(comparison, moment, blame(table, moment));
    if (reason === undefined) stage.problems.push(...found);
    else stage.remarks.push(...found.map(({ observed }) => `${observed} (${reason})`));
  }
}

/** Tables that no statement is seen to touch. */
function checkBystanders(
  { stage, observer, analysis }: StretchOptions,
  moment: RehearsalMoment,
): void {
  const touched = touchedByAny(analysis);
  const isSure = isForeseeable(analysis);
  for (const comparison of observer.compare((table) => !touched.has(table.toLowerCase()))) {
    const found = unforeseenProblem(comparison, moment);
    if (found === null) continue;
    if (isSure) stage.problems.push(found);
    else
      stage.remarks.push(
        `${found.observed}; a part of the plan could not be seen beforehand, such as a function`,
      );
  }
}

function checkSoundness(
  options: StretchOptions,
  moment: RehearsedStep["moment"],
  thoroughness: "thorough" | "quick",
): void {
  const { stage, observer, analysis, losses } = options;
  const touched = touchedByAny(analysis);
  const isSure = isForeseeable(analysis);
  const found = observer.check(thoroughness, (t) => !isSure || touched.has(t.toLowerCase()));
  // A table that may lose its rows may lose count of them too.
  const sequences = found.sequences.filter(({ table }) => !losses.has(table.toLowerCase()));
  const problems = soundnessProblems({ ...found, sequences }, moment, blameOf(options));
  const isKnown = (one: RehearsalProblem): boolean =>
    stage.problems.some((other) => other.kind === one.kind && other.observed === one.observed);
  stage.problems.push(...problems.filter((one) => !isKnown(one)));
}

function checkRowCounts(options: StretchOptions, first: Moment, second: Moment): void {
  const blame = blameOf(options);
  for (const [table, count] of first.rowCounts) {
    const again = second.rowCounts.get(table);
    if (again === undefined || again === count) continue;
    options.stage.problems.push(
      problem(
        again > count ? "rows-added" : "rows-lost",
        "up-again",
        {
          observed: `${table} has ${count} row(s) after the first up and ${again} after the second`,
          remedy: "Make the down take back everything that the up makes.",
        },
        { ...blame(table, "up-again"), table, rowCount: Math.abs(again - count) },
      ),
    );
  }
}
