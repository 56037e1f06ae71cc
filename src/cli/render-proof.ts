/** A proof as lines: one a topic, and below it what is not as it should be. */
import type {
  ProofCheck,
  ProofReport,
  ProofStatus,
  ProofTopic,
} from "../engine/sqlite/prove-report.ts";
import { printable } from "./output.ts";

const TITLES: Readonly<Record<ProofTopic, string>> = {
  files: "files",
  fresh: "fresh migration",
  idempotence: "idempotence",
  validate: "validate",
  rollback: "rollback of everything",
  "round-trip-empty": "up, down, up on empty tables",
  "round-trip-filled": "up, down, up on filled tables",
  constraints: "data integrity constraints",
  "foreign-keys": "foreign keys",
  defaults: "default data",
  "concurrent-starts": "concurrent starts",
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

/** A topic's line, with findings below it; a table that was not tested keeps the topic from its tick. */
export function renderTopic(topic: ProofTopic, checks: readonly ProofCheck[]): string {
  const status = worstOf(checks);
  const findings = checks.filter((check) => check.status !== "passed" || check.remedy !== null);
  const lines = [
    `${MARKS[status]} ${TITLES[topic].padEnd(TITLE_WIDTH)}  ${summaryOf(topic, checks)}`,
  ];
  for (const finding of findings.slice(0, MAX_LISTED)) lines.push(...renderFinding(finding));
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
  const [only] = checks;
  if (checks.length === 1 && only?.status === "passed") return printable(only.observed);
  const count = (wanted: ProofStatus, word: string): string[] => {
    const number = checks.filter(({ status }) => status === wanted).length;
    const noun = NOUNS[topic] === undefined ? "" : ` ${NOUNS[topic]}${number === 1 ? "" : "s"}`;
    return number === 0 ? [] : [`${number}${noun} ${word}`];
  };
  return [
    ...count("failed", "failed"),
    ...count("not-tested", "not tested"),
    ...count("passed", "passed"),
  ].join(", ");
}

function renderFinding({ status, subject, position, observed, remedy }: ProofCheck): string[] {
  const place =
    position === null
      ? printable(subject)
      : `${printable(position.file)}:${position.line}:${position.column}`;
  const mark = status === "passed" ? "·" : MARKS[status];
  const lines = [`    ${mark} ${place}  ${printable(observed)}`];
  if (remedy !== null) lines.push(`      ${printable(remedy)}`);
  return lines;
}
