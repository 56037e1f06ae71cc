/** Plans of queries, and what is to be said of them, as text. */
import type { ExplainedQuery, PlanFinding, PlanReport } from "../engine/sqlite/plans.ts";

/** Every query with its plan; a plan that is not the expected one is shown beside it. */
export function renderQueries({ queries }: PlanReport): string {
  if (queries.length === 0) return "no queries";
  return queries.map(renderQuery).join("\n");
}

function renderQuery({ name, expected, plan, failure }: ExplainedQuery): string {
  const isExpected = expected === null || expected.join("\n") === plan?.join("\n");
  const lines = isExpected
    ? (plan ?? []).map((line) => `    ${line}`)
    : [
        ...expected.map((line) => `  - ${line}`),
        ...(plan ?? [`(does not compile: ${failure ?? ""})`]).map((line) => `  + ${line}`),
      ];
  return [name, ...lines].join("\n");
}

/** A line a finding, regressions first, each with its way out. */
export function renderPlanFindings(findings: readonly PlanFinding[]): string[] {
  const ofDegree = (degree: PlanFinding["degree"]): string[] =>
    findings
      .filter((finding) => finding.degree === degree)
      .map(({ object, place, observed, remedy }) => {
        const at = place === null ? "" : ` (${place})`;
        return `${degree === "regression" ? "REGRESSION" : "remark"}: ${object}${at}: ${observed}\n  ${remedy}`;
      });
  return [...ofDegree("regression"), ...ofDegree("remark")];
}
