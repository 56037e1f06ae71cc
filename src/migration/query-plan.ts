/** Compares the plan that SQLite makes for a query with the one its author expects. */

/** A regression fails a check; a remark is only worth a look. */
export type FindingDegree = "regression" | "remark";

export interface PlanDifference {
  readonly degree: FindingDegree;
  readonly observed: string;
}

interface Reads {
  searches: number;
  scans: number;
  /** The line that shows how it is read now. */
  line: string;
}

/** Null when the plans are equal; the gravest difference otherwise. */
export function comparePlans(
  expected: readonly string[],
  observed: readonly string[],
): PlanDifference | null {
  if (isSame(expected, observed)) return null;
  const before = readsOf(expected);
  for (const [table, now] of readsOf(observed)) {
    const { searches = 0, scans = 0 } = before.get(table) ?? {};
    if (now.scans <= scans) continue;
    const change = searches > now.searches ? `SEARCH ${table} became` : "new is";
    return { degree: "regression", observed: `${change} ${now.line.trim()}` };
  }
  const sort = firstSurplus(expected, observed, /^\s*USE TEMP B-TREE/);
  if (sort !== null) return { degree: "regression", observed: `new is ${sort.trim()}` };
  return {
    degree: "remark",
    observed: `it is now ${observed.map((line) => line.trim()).join("; ")}`,
  };
}

function readsOf(plan: readonly string[]): Map<string, Reads> {
  const reads = new Map<string, Reads>();
  for (const line of plan) {
    const [, verb, table = ""] = /^\s*(SEARCH|SCAN) (\S+)/.exec(line) ?? [];
    if (
      verb === undefined ||
      (verb === "SCAN" && /^\s*SCAN (CONSTANT ROW|\d+ CONSTANT)/.test(line))
    )
      continue;
    const known = reads.get(table) ?? { searches: 0, scans: 0, line };
    // An automatic index is built by reading the whole table, every time.
    const isScan = verb === "SCAN" || /\bAUTOMATIC\b/.test(line);
    if (isScan) known.scans++;
    else known.searches++;
    if (isScan) known.line = line;
    reads.set(table, known);
  }
  return reads;
}

function firstSurplus(
  expected: readonly string[],
  observed: readonly string[],
  kind: RegExp,
): string | null {
  const matching = observed.filter((line) => kind.test(line));
  const count = expected.filter((line) => kind.test(line)).length;
  return matching.length > count ? (matching[count] ?? null) : null;
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((line, index) => line === right[index]);
}
