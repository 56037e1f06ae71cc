/** Turns what was observed into problems with a place and a way out. */
import type { Hazard, PlanAnalysis } from "../../../migration/hazard.ts";
import { placeOf } from "../../../migration/hazard.ts";
import type { MigrationBody } from "../../../migration/migration.ts";
import type { Step } from "../../../migration/plan.ts";
import type { Version } from "../../../migration/version.ts";
import { type SourcePosition, UsageDbError } from "../../../errors.ts";
import { objectOf, placeIn, startOf, statementAbout } from "../prove/position.ts";
import type { RebuildLoss } from "../rebuild-losses.ts";
import type { Soundness, TableComparison } from "./observer.ts";
import {
  problem,
  type ProblemPlace,
  type RehearsalMoment,
  type RehearsalProblem,
} from "./report.ts";
import { onlyToucher } from "./touched.ts";

/** A hazard that `up` would refuse with the same flags. */
export function hazardProblem(hazard: Hazard): RehearsalProblem {
  return problem(
    "hazard",
    "before",
    {
      observed: `\`up\` would refuse ${hazard.kind}: ${placeOf(hazard)} ${hazard.message}`,
      remedy: `${hazard.wayOut} Or allow it: \`--allow ${hazard.kind}\`.`,
    },
    {
      version: hazard.version,
      table: hazard.table === "" ? null : hazard.table,
      rowCount: hazard.rowCount,
    },
  );
}

/** A step that failed on the copy; whoever looks after the machine is not the author, so their errors are thrown on. */
export function failureProblem(error: unknown, moment: RehearsalMoment): RehearsalProblem {
  if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
  const { version, position, reason } = error.details;
  return problem(
    "step-failed",
    moment,
    {
      observed:
        error.code === "MIGRATION_FAILED" && typeof reason === "string" ? reason : error.message,
      remedy:
        moment === "up-again"
          ? "Make the down take back everything that the up makes."
          : error.hint,
    },
    {
      version: typeof version === "number" ? version : null,
      position:
        typeof position === "object" && position !== null ? (position as SourcePosition) : null,
    },
  );
}

/** Lines of `diffSchemas` between two moments that should be equal. */
export function schemaProblems(
  differences: readonly string[],
  moment: RehearsalMoment,
  blame: Blame,
): RehearsalProblem[] {
  return differences.map((difference) => {
    const { type, name, isLeftBehind } = objectOf(difference);
    const table = type === "table" ? { table: name } : {};
    return problem(
      "schema",
      moment,
      moment === "down"
        ? {
            observed: isLeftBehind
              ? `the down leaves ${type} ${name} behind`
              : `up and down changes the schema: ${difference}`,
            remedy: isLeftBehind
              ? `Add \`DROP ${type.toUpperCase()} ${name}\` to the down.`
              : "Make the down restore it exactly as it was.",
          }
        : {
            observed: `up, down and up again is not up: ${difference}`,
            remedy: "Make the up independent of what was there before its down.",
          },
      { ...blame(name, moment), ...table },
    );
  });
}

/** What a round trip did to rows that were there before it. */
export function contentProblems(
  { table, differences, rowCount }: TableComparison,
  moment: RehearsalMoment,
  place: ProblemPlace,
): RehearsalProblem[] {
  const at = { ...place, table };
  if (differences === null) {
    if (rowCount === 0) return [];
    const observed = `the round trip loses ${table} with all its ${rowCount} row(s)`;
    return [problem("rows-lost", moment, { observed, remedy: COPY_REMEDY }, { ...at, rowCount })];
  }
  const { lost, added, changed, columns, lostKeys, changedKeys } = differences;
  const found: RehearsalProblem[] = [];
  if (lost > 0) {
    const observed = `the round trip loses ${lost} of ${rowCount} row(s) of ${table}`;
    found.push(
      problem(
        "rows-lost",
        moment,
        { observed, remedy: COPY_REMEDY },
        { ...at, rowCount: lost, keys: lostKeys },
      ),
    );
  }
  if (changed > 0) {
    const named = columns.map((column) => `${column.name} (${column.rowCount})`).join(", ");
    found.push(
      problem(
        "values-changed",
        moment,
        {
          observed: `the round trip changes ${changed} of ${rowCount} row(s) of ${table}: ${named}`,
          remedy: "Keep the old values, in another column or table, until nobody can roll back.",
        },
        { ...at, rowCount: changed, keys: changedKeys },
      ),
    );
  }
  if (added > 0) {
    found.push(
      problem(
        "rows-added",
        moment,
        {
          observed: `the round trip leaves ${added} row(s) in ${table} that were not there`,
          remedy: "Delete in the down what the up inserts.",
        },
        { ...at, rowCount: added },
      ),
    );
  }
  return found;
}

const COPY_REMEDY = "Let the up keep the rows where the down can bring them back from.";

/** A table that changed although no statement was seen to write it. */
export function unforeseenProblem(
  { table, differences, rowCount }: TableComparison,
  moment: RehearsalMoment,
): RehearsalProblem | null {
  const { lost = rowCount, added = 0, changed = 0 } = differences ?? {};
  const keys = [...(differences?.lostKeys ?? []), ...(differences?.changedKeys ?? [])];
  if (lost + added + changed === 0) return null;
  return problem(
    "unforeseen",
    moment,
    {
      observed: `${table} changes (${lost} row(s) gone, ${changed} other, ${added} new) and no statement was seen to write it`,
      remedy: "Find out what writes it before this runs on the real database.",
    },
    { table, rowCount: lost + added + changed, keys },
  );
}

export function rebuildProblem(loss: RebuildLoss, step: Step): RehearsalProblem {
  return problem(
    "dropped-in-rebuild",
    step.direction,
    {
      observed: `the rebuild of ${loss.table} takes ${loss.what} with it`,
      remedy: `Create it again after the rebuild; if it must go, say so with \`DROP ${loss.what.split(" ", 1)[0]?.toUpperCase() ?? ""}\`.`,
    },
    { version: step.version, table: loss.table, position: placeIn(step.body, loss.table) },
  );
}

/** What SQLite's checks found and did not find before. */
export function soundnessProblems(
  { integrity, violations, sequences }: Soundness,
  moment: RehearsalMoment,
  blame: Blame,
): RehearsalProblem[] {
  return [
    ...integrity.map(({ table, message }) =>
      problem(
        "integrity",
        moment,
        {
          observed: message,
          remedy: "Bring the rows into the form that the new definition asks for.",
        },
        table === null ? {} : { ...blame(table, moment), table },
      ),
    ),
    ...violations.map(({ table, parent, count }) =>
      problem(
        "foreign-keys",
        moment,
        {
          observed: `${count} row(s) of ${table} come to point at nothing in ${parent}`,
          remedy: "Delete or re-point these rows in the migration.",
        },
        { ...blame(table, moment), table, rowCount: count },
      ),
    ),
    ...sequences.map(({ table, from, to }) =>
      problem(
        "sequence",
        moment,
        {
          observed: `the AUTOINCREMENT counter of ${table} falls from ${from} to ${to}: ids of deleted rows would be given out again`,
          remedy: `Copy the row of ${table} in sqlite_sequence when the table is rebuilt.`,
        },
        { ...blame(table, moment), table },
      ),
    ),
  ];
}

export interface StepBodies {
  readonly up: MigrationBody | null;
  readonly down: MigrationBody | null;
}

export type Blame = (object: string, moment: RehearsalMoment) => ProblemPlace;

/**
 * The version that alone touches a table, or is alone anyway, with the place to look at; nothing when there are several.
 * What is wrong after a down is looked for in the down first, and what it forgot in the up.
 */
export function blameFor(
  analysis: PlanAnalysis,
  bodiesOf: (version: Version) => StepBodies,
): Blame {
  return (object, moment) => {
    const only = analysis.steps.length === 1 ? analysis.steps[0] : onlyToucher(analysis, object);
    if (only === undefined || only === null) return {};
    const { up, down } = bodiesOf(only.version);
    const [first, second] = moment === "down" ? [down, up] : [up, down];
    const position = statementAbout(first, object) ?? statementAbout(second, object);
    return { version: only.version, position: position ?? startOf(first) ?? startOf(second) };
  };
}
