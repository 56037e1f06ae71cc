/** A proof as lines: one a topic, and below it what is not as it should be. */
import type {
  ProofCheck,
  ProofReport,
  ProofStatus,
  ProofTopic,
} from "../engine/sqlite/prove/report.ts";
import { printable } from "./output.ts";

const TITLES: Readonly<Record<ProofTopic, string>> = {
  files: "files",
  fresh: "fresh migration",
  idempotence: "idempotence",
  validate: "validate",
  rollback: "rollback of everything",
  "round-trip-empty": "up, down, up on empty tables",
  "round-trip-filled": "up, down, up on filled tables",
  "pairs-empty": "any version to any, empty",
  "pairs-filled": "any version to any, filled",
  constraints: "data integrity constraints",
  "foreign-keys": "foreign keys",
  defaults: "default data",
  "concurrent-starts": "concurrent starts",
  "kill-points": "cut off at any statement",
  kills: "kills during up",
};

/** What the checks of a topic are counted in. */
const NOUNS: Partial<Record<ProofTopic, string>> = {
  "round-trip-empty": "version",
  "round-trip-filled": "version",
  constraints: "table",
  "foreign-keys": "table",
  defaults: "table",
};

const MARKS: Readonly<Record<ProofStatus, string>> = {
  passed: "✓",
  failed: "✗",
  "not-tested": "–",
};
const TITLE_WIDTH = Math.max(...Object.values(TITLES).map((title) => title.length));
/** More of one topic than this is counted, not listed: `--json` has everything. */
const MAX_LISTED = 12;
const MAX_SOURCE_WIDTH = 100;

/** A topic's line, with findings below it; a table that was not tested keeps the topic from its tick. */
export function renderTopic(topic: ProofTopic, checks: readonly ProofCheck[]): string {
  const title = `${MARKS[worstOf(checks)]} ${TITLES[topic].padEnd(TITLE_WIDTH)}`;
  const [only] = checks;
  const isPlain = only?.status === "passed" || only?.position === null;
  if (checks.length === 1 && isPlain && only?.status !== "failed" && only?.remedy === null) {
    const prefix = only.status === "passed" ? "" : "not tested: ";
    return `${title}  ${prefix}${printable(only.observed)}`;
  }
  const lines = [`${title}  ${summaryOf(topic, checks)}`];
  const findings = grouped(
    checks.filter((check) => check.status !== "passed" || check.remedy !== null),
  );
  for (const alike of findings.slice(0, MAX_LISTED)) lines.push(...renderFindings(alike));
  if (findings.length > MAX_LISTED)
    lines.push(`    … and ${findings.length - MAX_LISTED} more; --json lists them all`);
  return lines.join("\n");
}

/** The last line: the verdict, and how to see the same again. */
export function renderVerdict({ counts, versions, seed, rows, isProved }: ProofReport): string {
  const open = counts.notTested === 0 ? "" : `, ${counts.notTested} not tested`;
  const verdict = isProved
    ? `Proved: ${counts.passed} checks passed${open}`
    : `Not proved: ${counts.failed} of ${counts.passed + counts.failed + counts.notTested} checks failed${open}`;
  return `${verdict}. ${versions.length} migration(s), ${rows} rows a table, seed ${seed}.`;
}

function worstOf(checks: readonly ProofCheck[]): ProofStatus {
  if (checks.some(({ status }) => status === "failed")) return "failed";
  return checks.every(({ status }) => status === "passed") ? "passed" : "not-tested";
}

function summaryOf(topic: ProofTopic, checks: readonly ProofCheck[]): string {
  const count = (wanted: ProofStatus, word: string): string[] => {
    const subjects = checks.filter(({ status }) => status === wanted).map(({ subject }) => subject);
    const number = new Set(subjects).size;
    const noun = NOUNS[topic] === undefined ? "" : ` ${NOUNS[topic]}${number === 1 ? "" : "s"}`;
    return number === 0 ? [] : [`${number}${noun} ${word}`];
  };
  return [
    ...count("failed", "failed"),
    ...count("not-tested", "not tested"),
    ...count("passed", "passed"),
  ].join(", ");
}

/** Findings that say the same of several places, together: a directory without downs would fill the screen. */
function grouped(findings: readonly ProofCheck[]): ProofCheck[][] {
  const groups = new Map<string, ProofCheck[]>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.status, finding.observed, finding.remedy]);
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return [...groups.values()];
}

function renderFindings(alike: readonly ProofCheck[]): string[] {
  const [first] = alike;
  if (first === undefined) return [];
  const { status, observed, remedy, position } = first;
  const mark = status === "passed" ? "·" : MARKS[status];
  const more = alike.length === 1 ? "" : ` and ${alike.length - 1} more`;
  const lines = [`    ${mark} ${placeOf(first)}${more}  ${printable(observed)}`];
  if (status === "failed" && position !== null)
    lines.push(`      | ${printable(position.sourceLine.trim().slice(0, MAX_SOURCE_WIDTH))}`);
  if (remedy !== null) lines.push(`      ${printable(remedy)}`);
  return lines;
}

function placeOf({ position, subject }: ProofCheck): string {
  if (position === null) return printable(subject);
  return `${printable(position.file)}:${position.line}:${position.column}`;
}
