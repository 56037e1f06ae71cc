/** Retention policies as people write them: `events.max_age 90d`, `database.max_bytes 500MB`, `off`. */
import { InputError } from "../errors.ts";
import {
  RETENTION_DEFAULTS,
  RETENTION_RANGES,
  type RetentionRule,
  type RetentionSubject,
} from "../store/retention-policies.ts";
import { nearest } from "./suggest.ts";

export interface PolicyName {
  readonly subject: RetentionSubject;
  readonly rule: RetentionRule;
}

/** `events.max_age`: the unit is part of the value. */
export function nameOf({ subject, rule }: PolicyName): string {
  return `${subject}.${rule.replace(/_ms$/, "")}`;
}

export const POLICY_NAMES: readonly string[] = RETENTION_DEFAULTS.map(nameOf);

const SUBJECTS: readonly string[] = [
  ...new Set(RETENTION_DEFAULTS.map(({ subject }) => subject as string)),
];

/** @throws {InputError} CLI_USAGE, with the name that was probably meant. */
export function readPolicyName(text: string): PolicyName {
  const wanted = text.replace(/_ms$/, "");
  const policy = RETENTION_DEFAULTS.find((candidate) => nameOf(candidate) === wanted);
  return policy ?? refuseName(text, POLICY_NAMES);
}

/** The policies of a name, or of a subject. @throws {InputError} CLI_USAGE. */
export function readPolicyNames(text: string): PolicyName[] {
  if (SUBJECTS.includes(text)) return RETENTION_DEFAULTS.filter(({ subject }) => subject === text);
  return text.includes(".") ? [readPolicyName(text)] : refuseName(text, SUBJECTS);
}

function refuseName(text: string, known: readonly string[]): never {
  throw new InputError(
    "CLI_USAGE",
    `Cannot use the retention policy ${JSON.stringify(text)}: there is none, expected ${nearest(text, known) ?? known.join(", ")}`,
    {
      details: { policy: text, known },
      hint: "Run `usagedb config retention` to see the policies.",
    },
  );
}

type Unit = readonly [name: string, size: number];

/** Months have no fixed length, so there are none; `m` is a minute. */
const SPANS: readonly Unit[] = [
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 7 * 86_400_000],
  ["y", 365 * 86_400_000],
];
const SIZES: readonly Unit[] = [
  ["B", 1],
  ["kB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
  ["TB", 1e12],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
];
const COUNTS: readonly Unit[] = [
  ["", 1],
  ["k", 1e3],
  ["M", 1e6],
];

interface Kind {
  readonly units: readonly Unit[];
  readonly example: string;
  /** The units that a value is shown in, largest first. */
  readonly shown: readonly string[];
}

const SPAN: Kind = { units: SPANS, example: "90d, 12h or 2w", shown: ["d", "h", "m", "s", "ms"] };
const SIZE: Kind = { units: SIZES, example: "500MB or 2GB", shown: ["TB", "GB", "MB", "kB", "B"] };
const COUNT: Kind = { units: COUNTS, example: "10000 or 10k", shown: [""] };

function kindOf(rule: RetentionRule): Kind {
  if (rule.endsWith("_ms")) return SPAN;
  return rule.endsWith("_bytes") ? SIZE : COUNT;
}

const OFF = "off";

/**
 * Reads a policy's value: milliseconds, bytes or rows; null for `off`.
 * @throws {InputError} CLI_USAGE for anything that is no such value, or outside the policy's range.
 */
export function readPolicyValue(name: PolicyName, text: string): number | null {
  const written = text.trim();
  if (written === OFF) return null;
  const { units, example } = kindOf(name.rule);
  const [, digits = "", letters = ""] =
    /^(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]*)$/.exec(written) ?? [];
  const unit = units.find(([known]) => known === letters) ?? similarUnit(units, letters);
  const value = digits === "" || unit === undefined ? Number.NaN : Number(digits) * unit[1];
  const [min, max] = RETENTION_RANGES[name.rule];
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const isOutside = Number.isInteger(value);
  throw new InputError(
    "CLI_USAGE",
    isOutside
      ? `Cannot set ${nameOf(name)}: ${JSON.stringify(text)} is out of its range, expected ${renderPolicyValue(name, min)} to ${renderPolicyValue(name, max)}, or \`off\``
      : `Cannot set ${nameOf(name)}: ${JSON.stringify(text)} is no value of it, expected one such as ${example}, or \`off\``,
    {
      details: { policy: nameOf(name), observed: text },
      hint: `Write a number with a unit, such as ${example}, or \`off\` to switch the policy off.`,
    },
  );
}

/** Sizes are written in many ways; spans are not, because `M` and `m` may mean months and minutes. */
function similarUnit(units: readonly Unit[], letters: string): Unit | undefined {
  if (units !== SIZES) return undefined;
  const wanted = letters.toLowerCase();
  return units.find(
    ([known]) => known.toLowerCase() === wanted || known[0]?.toLowerCase() === wanted,
  );
}

/** The value in its largest even unit, as `readPolicyValue` takes it. */
export function renderPolicyValue(
  { rule }: Pick<PolicyName, "rule">,
  value: number | null,
): string {
  if (value === null) return OFF;
  const { units, shown } = kindOf(rule);
  for (const name of shown) {
    const size = units.find(([known]) => known === name)?.[1] ?? 1;
    // A day is said in hours: `24h` leaves no doubt about which day.
    const isEven = value % size === 0 && (name !== "d" || value > size);
    if (isEven) return `${value / size}${name}`;
  }
  return String(value);
}
