/** Which tables a plan is seen to touch, from the analysis of its hazards: the rest must stay as it is. */
import type { PlanAnalysis, StepAnalysis } from "../../../migration/hazard.ts";

/** Tables, in lower case, that a step creates, changes, drops or writes, cascades included. */
export function touchedBy({ statements, rebuilt }: StepAnalysis): ReadonlySet<string> {
  const names = statements.flatMap((s) => [
    ...s.created,
    ...s.altered,
    ...s.dropped,
    ...s.written,
    ...s.reachedByCascade,
  ]);
  return new Set([...names, ...rebuilt].map((name) => name.toLowerCase()));
}

export function touchedByAny({ steps }: PlanAnalysis): ReadonlySet<string> {
  return new Set(steps.flatMap((step) => [...touchedBy(step)]));
}

/** True when every statement was seen: neither a function nor anything that could not be compiled. */
export function isForeseeable({ steps }: PlanAnalysis): boolean {
  return steps.every(
    ({ notAnalysed, ranOnEmptyShadow }) => notAnalysed.length === 0 && !ranOnEmptyShadow,
  );
}

/** The one step that touches a table; null when several do, or none. */
export function onlyToucher(analysis: PlanAnalysis, table: string): StepAnalysis | null {
  const [only, ...others] = analysis.steps.filter((step) =>
    touchedBy(step).has(table.toLowerCase()),
  );
  return only !== undefined && others.length === 0 ? only : null;
}
