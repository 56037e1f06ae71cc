/** Tables that may lose rows or values, in lower case, each with who says so. */
import { allowedFor, isAllowed, placeOf, type PlanAnalysis } from "../../../migration/hazard.ts";
import type { HazardKind } from "../../../migration/hazard-kind.ts";
import type { Step } from "../../../migration/plan.ts";

/** What an author or the command line allows to be lost. */
export function allowedLosses(
  steps: readonly Step[],
  analysis: PlanAnalysis,
  allow: readonly HazardKind[],
): Map<string, string> {
  const allowed = analysis.steps.flatMap(({ hazards }, index) => {
    const step = steps[index];
    const known = step === undefined ? new Set<HazardKind>() : allowedFor(step, allow);
    return hazards.filter((hazard) => hazard.losesData && isAllowed(hazard, known));
  });
  return new Map(
    allowed.map((hazard) => [
      hazard.table.toLowerCase(),
      `allowed: ${placeOf(hazard)} ${hazard.message}`,
    ]),
  );
}

/** A down is written to take things away. */
export function writtenLosses(analysis: PlanAnalysis): Map<string, string> {
  return new Map(
    analysis.steps.flatMap(({ hazards }) =>
      hazards
        .filter(({ losesData }) => losesData)
        .map((hazard) => [hazard.table.toLowerCase(), `the down ${hazard.message}`] as const),
    ),
  );
}
