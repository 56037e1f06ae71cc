/** Comment lines that say something of their section to the engine: `migrate:allow` and `migrate:touches`. */
import { allowanceIn } from "./allowances.ts";
import { HAZARD_KINDS, parseHazardKinds } from "./hazard-kind.ts";
import { isMisspeltTouches, parseTableNames, touchesIn } from "./touches.ts";

export interface Directive {
  readonly kind: "allow" | "touches";
  /** Why the line would do nothing, or something else than it says; null when it is right. */
  readonly problem: string | null;
}

/** What a comment tells the engine; null for an ordinary one. */
export function directiveIn(comment: string): Directive | null {
  const allowed = allowanceIn(comment);
  if (allowed !== null) return { kind: "allow", problem: allowProblem(allowed) };
  const touched = touchesIn(comment);
  if (touched !== null) return { kind: "touches", problem: touchesProblem(touched) };
  if (!isMisspeltTouches(comment)) return null;
  const problem = `\`${comment.trim()}\` looks like a misspelt \`-- migrate:touches TABLE\``;
  return { kind: "touches", problem };
}

/** A misspelt kind would allow nothing, in silence. */
function allowProblem(text: string): string | null {
  const { kinds, unknown } = parseHazardKinds(text);
  if (unknown === null && kinds.length > 0) return null;
  const observed = unknown === null ? "names no hazard" : `names ${JSON.stringify(unknown)}`;
  return `\`migrate:allow\` ${observed} (one of ${HAZARD_KINDS.join(", ")})`;
}

function touchesProblem(text: string): string | null {
  const names = parseTableNames(text);
  if (names === null) return "`migrate:touches` has more behind it than names of tables";
  return names.length === 0 ? "`migrate:touches` names no table" : null;
}
