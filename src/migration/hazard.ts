/** What a plan can do to the rows that are there: the words for it, and which of them stop an `up`. */
import { MigrationError } from "../errors.ts";
import { allowancesOf } from "./allowances.ts";
import type { HazardKind } from "./hazard-kind.ts";
import type { Direction, Step } from "./plan.ts";
import { formatVersion, type Version } from "./version.ts";

export interface Hazard {
  readonly kind: HazardKind;
  /** True when rows or values that are there now would be gone. */
  readonly losesData: boolean;
  readonly table: string;
  readonly column: string | null;
  /** Live rows (for a column: values) that are concerned, at most; null when they could not be counted. */
  readonly rowCount: number | null;
  readonly version: Version;
  readonly file: string;
  /** From 1; null for what a function does, which has no line of its own. */
  readonly line: number | null;
  /** Null for what concerns the step as a whole. */
  readonly statement: string | null;
  /** One clause: what happens. */
  readonly message: string;
  /** One sentence: what to do about it. */
  readonly wayOut: string;
}

/** What one statement reaches, tables by the names that they have when it runs. */
export interface StatementEffects {
  readonly line: number | null;
  readonly statement: string;
  readonly created: readonly string[];
  readonly altered: readonly string[];
  readonly dropped: readonly string[];
  readonly read: readonly string[];
  readonly written: readonly string[];
  /** Written only because a foreign key says so, when foreign keys are on. */
  readonly reachedByCascade: readonly string[];
}

/** How long a step will take, from a trial on some of the live rows. */
export interface StepEstimate {
  readonly timeMs: number;
  /** Rows of the largest table, in the trial and in the database; both 0 for a step that only writes the schema. */
  readonly triedRows: number;
  readonly rows: number;
}

export interface StepAnalysis {
  readonly direction: Direction;
  readonly version: Version;
  readonly name: string;
  readonly file: string;
  readonly statements: readonly StatementEffects[];
  readonly rebuilt: readonly string[];
  readonly hazards: readonly Hazard[];
  /** Why something of this step is not known; not empty means: not proved safe. */
  readonly notAnalysed: readonly string[];
  /** True for a function: it ran on a schema without rows, so what depends on rows was not seen. */
  readonly ranOnEmptyShadow: boolean;
  /** Null when it was not asked for, or when a trial does not tell it. */
  readonly estimate: StepEstimate | null;
}

export interface TableFacts {
  readonly name: string;
  readonly rowCount: number;
  /** Pages of the table and its indexes; null when this was not asked for or cannot be known. */
  readonly sizeBytes: number | null;
}

export interface PlanAnalysis {
  readonly steps: readonly StepAnalysis[];
  /** The live tables that the plan reaches, by name. */
  readonly tables: readonly TableFacts[];
}

/** DELETES_DATA allows every loss of data: the other three are narrower names for it. */
export function isAllowed(hazard: Hazard, allowed: ReadonlySet<HazardKind>): boolean {
  return allowed.has(hazard.kind) || (hazard.losesData && allowed.has("DELETES_DATA"));
}

/** True when `up` must not go on without being told to: data would be lost, or a statement would fail midway. */
export function isGrave(hazard: Hazard): boolean {
  return hazard.losesData || hazard.kind === "FAILS_ON_EXISTING_ROWS";
}

/** What the command line and the step's own `-- migrate:allow` lines allow together. */
export function allowedFor(step: Step, allowed: readonly HazardKind[]): ReadonlySet<HazardKind> {
  const own = step.body.kind === "sql" ? allowancesOf(step.body) : [];
  return new Set([...allowed, ...own]);
}

/** The hazards of up steps that stop a run, in the order of the plan; rollbacks are asked for, so never refused. */
export function refusedHazards(
  steps: readonly Step[],
  analysis: PlanAnalysis,
  allowed: readonly HazardKind[],
): Hazard[] {
  return steps.flatMap((step, index) => {
    if (step.direction === "down") return [];
    const known = allowedFor(step, allowed);
    return (analysis.steps[index]?.hazards ?? []).filter(
      (hazard) => isGrave(hazard) && !isAllowed(hazard, known),
    );
  });
}

/**
 * Throws when a plan has hazards that nobody allowed; the error names each with file, line and way out.
 * @throws {MigrationError} MIGRATION_HAZARD.
 */
export function refuseHazards(refused: readonly Hazard[]): void {
  const [first] = refused;
  if (first === undefined) return;
  const kinds = [...new Set(refused.map(({ kind }) => kind))];
  const more = refused.length === 1 ? "" : ` (the first of ${refused.length} hazards)`;
  throw new MigrationError(
    "MIGRATION_HAZARD",
    `Cannot migrate: ${placeOf(first)} ${first.message}${more}, expected no hazard that was not allowed`,
    {
      details: { hazards: refused, kinds },
      hint: `Change the migration, or allow it by name: \`--allow ${kinds.join(",")}\`, or a line \`-- migrate:allow ${kinds.join(" ")}\` in the file.`,
    },
  );
}

/** Where a hazard stands: `002_drop_users.sql:3`. */
export function placeOf({ file, line, version }: Hazard): string {
  return line === null ? `${file} (version ${formatVersion(version)})` : `${file}:${line}`;
}
