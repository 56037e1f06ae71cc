/** Candidate values for a column: from its type, and from the literals of the CHECK clauses that mention it. */
import { scanTokens, type Token } from "../../../migration/sql-scanner.ts";
import type { Binding } from "../connection.ts";
import type { Random } from "./random.ts";
import type { TableCheck, TableColumn } from "./tables.ts";

type Affinity = "integer" | "real" | "text" | "blob" | "any";

/** 2025 in milliseconds and in seconds: fixed, so that a seed repeats everything. */
const TIME_MS = 1_750_000_000_000;
const TIME_S = 1_750_000_000;

const INTEGERS = [
  0,
  1,
  2,
  5,
  10,
  50,
  100,
  1000,
  -1,
  TIME_MS,
  TIME_S,
  2 ** 31,
  2 ** 53 - 1,
] as const;
/** Only for columns that nothing points at: read back as numbers, they would be others. */
const HUGE_INTEGERS = [2n ** 63n - 1n, -(2n ** 63n)] as const;
const REALS = [0, 0.5, 1, 1.5, 10.25, 100, -1.25, 1e-9, 1e12, Number.MAX_VALUE, 5e-324] as const;
const TEXTS = [
  "a",
  "text",
  "",
  "{}",
  '[1,"two"]',
  "0",
  "1",
  'it\'s "quoted"',
  "Zażółć ☃ 𝛑",
  "long ".repeat(800),
  "overflowing ".repeat(1500),
  "a\0b",
  "\u202eright to left\u202c e\u0301 👩‍👩‍👧",
  "'); DROP TABLE students; --",
  "2025-06-15",
  "2025-06-15 15:06:40",
  "2025-06-15T15:06:40.000Z",
  "15:06:40",
  "user@example.com",
  "https://example.com/a?b=1",
  "6f9619ff-8b86-4011-b42d-00c04fc964ff",
  "00ff",
] as const;
/** Beyond this, a literal is taken for a number, not for a length. */
const MAX_LENGTH_LITERAL = 10_000;
/** After so many refusals without a success, made-up values are not tried any more. */
const MAX_VAIN_INVENTIONS = 12;

export interface Literals {
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
  /** Numbers that are divisors or lengths, not bounds. */
  readonly divisors: readonly number[];
}

/** Values to try for one column; what a check refused is not offered again. */
export class ValuePool {
  readonly #affinity: Affinity;
  readonly #literals: Literals;
  readonly #values: Binding[];
  #vainInventions = 0;
  #serial = 0;

  /** @param isKey leaves out what a key could not be read back as. */
  constructor(
    column: TableColumn,
    {
      checks,
      isStrict,
      isKey,
    }: {
      readonly checks: readonly TableCheck[];
      readonly isStrict: boolean;
      readonly isKey: boolean;
    },
  ) {
    this.#affinity = affinityOf(column.type, isStrict);
    this.#literals = literalsOf(checks.filter(({ columns }) => columns.includes(column.name)));
    const huge = this.#affinity === "integer" && !isKey ? HUGE_INTEGERS : [];
    this.#values = [...candidates(this.#affinity, this.#literals, isStrict), ...huge];
  }

  /** A value that may or may not occur already. */
  pick(random: Random): Binding {
    const mayInvent = this.#vainInventions < MAX_VAIN_INVENTIONS;
    const known = mayInvent && random.chance(0.3) ? undefined : random.pick(this.#values);
    return known ?? this.#invent(random);
  }

  /** A value that most likely does not occur yet. */
  fresh(random: Random): Binding {
    return this.#vainInventions < MAX_VAIN_INVENTIONS || random.chance(0.5)
      ? this.#invent(random)
      : this.pick(random);
  }

  /** Adds a value that is known to be of use: a default. */
  add(value: Binding): void {
    if (value !== null && !this.#values.includes(value)) this.#values.push(value);
  }

  /** Takes back a value that a check of this column alone refused. */
  ban(value: Binding): void {
    const at = this.#values.indexOf(value);
    if (at >= 0) this.#values.splice(at, 1);
    else this.#vainInventions++;
  }

  /** Notes that a made-up value was accepted, so that more are made up. */
  praise(): void {
    this.#vainInventions = 0;
  }

  #invent(random: Random): Binding {
    const serial = ++this.#serial;
    switch (this.#affinity) {
      case "integer":
        return this.#inventInteger(random);
      case "real":
        return this.#inventInteger(random) + random.integer(0, 3) / 4;
      case "blob":
        return Uint8Array.from({ length: 16 }, () => random.integer(0, 255));
      default:
        return inventText(random, serial, this.#literals);
    }
  }

  /** Between two neighbouring literals where there are any, a multiple of a divisor where there is one. */
  #inventInteger(random: Random): number {
    const bounds = this.#literals.numbers;
    const low = bounds.length === 0 ? 0 : random.integer(0, bounds.length - 1);
    const from = Math.ceil(bounds[low] ?? 0);
    const to = Math.floor(bounds[low + 1] ?? from + 1_000_000);
    const value = random.integer(from, Math.max(from, to));
    const divisor = random.pick(this.#literals.divisors);
    return divisor === undefined ? value : Math.ceil(value / divisor) * divisor;
  }
}

/** SQLite's own rules for what a declared type means. */
function affinityOf(type: string, isStrict: boolean): Affinity {
  if (isStrict && type === "ANY") return "any";
  if (type.includes("INT")) return "integer";
  if (/CHAR|CLOB|TEXT|JSON|DATE|TIME|UUID/.test(type)) return "text";
  if (type === "") return "any";
  if (type.includes("BLOB")) return "blob";
  if (/REAL|FLOA|DOUB/.test(type)) return "real";
  return "integer";
}

function candidates(
  affinity: Affinity,
  { numbers, texts, divisors }: Literals,
  isStrict: boolean,
): Binding[] {
  const near = numbers.flatMap((number) => [number, number - 1, number + 1]);
  const integers = [...near, ...INTEGERS, ...multiples(numbers, divisors)].filter(
    Number.isSafeInteger,
  );
  const reals = [...near, ...numbers.flatMap((n) => [n - 0.125, n + 0.125]), ...REALS];
  const strings = [...texts, ...TEXTS, ...ofLengths([...numbers, ...divisors])];
  // Outside STRICT a column takes what its checks ask for, whatever its type is called.
  const foreign = isStrict ? [] : texts;
  switch (affinity) {
    case "integer":
      return unique([...integers, ...foreign]);
    case "real":
      return unique([...reals, ...foreign]);
    case "blob":
      return [...foreign, new Uint8Array(0), Uint8Array.of(0, 255), new Uint8Array(32)];
    case "any":
      return unique([...strings, ...integers, ...reals]);
    default:
      return unique(isStrict ? strings : [...strings, ...near]);
  }
}

const unique = (values: readonly Binding[]): Binding[] => [...new Set(values)];

function multiples(numbers: readonly number[], divisors: readonly number[]): number[] {
  return divisors.flatMap((divisor) =>
    [...numbers, TIME_MS, TIME_S].map((number) => Math.ceil(number / divisor) * divisor),
  );
}

/** Letters and hexadecimal digits as many as a check may ask for with `length(x) = 64`. */
function ofLengths(numbers: readonly number[]): string[] {
  return numbers
    .filter((n) => Number.isInteger(n) && n > 0 && n <= MAX_LENGTH_LITERAL)
    .flatMap((n) => ["x".repeat(n), "0f".repeat(n).slice(0, n)]);
}

function inventText(random: Random, serial: number, literals: Literals): string {
  const tail = `${serial}-${random.integer(0, 0xffffff).toString(36)}`;
  const pattern = random.chance(0.5) ? random.pick(literals.texts) : undefined;
  if (pattern !== undefined && !/^\w+$/.test(pattern)) return `${pattern}${tail}`;
  const length = random.pick(
    [...literals.numbers, ...literals.divisors].filter(
      (n) => Number.isInteger(n) && n > 0 && n < 200,
    ),
  );
  if (length === undefined || random.chance(0.3)) return `value-${tail}`;
  const digits = `${serial.toString(16)}${random.integer(0, 0xffffffff).toString(16)}`;
  return digits.padEnd(length, "0").slice(0, length);
}

/** The numbers and texts that the checks mention. */
export function literalsOf(checks: readonly TableCheck[]): Literals {
  const numbers = new Set<number>();
  const divisors = new Set<number>();
  const texts = new Set<string>();
  for (const { sql } of checks) {
    let before: Token | undefined;
    let beforeThat: Token | undefined;
    for (const token of scanTokens(sql)) {
      if (token.kind === "comment") continue;
      const text = sql.slice(token.start, token.end);
      if (token.kind === "string" && text.startsWith("'")) addText(texts, text);
      if (token.kind === "number") {
        const number = Number(text.replaceAll("_", ""));
        const sign = before === undefined ? "" : sql.slice(before.start, before.end);
        const isNegative = sign === "-" && !isOperand(beforeThat, sql);
        if (sign === "%" && number > 1) divisors.add(number);
        else if (Number.isFinite(number)) numbers.add(isNegative ? -number : number);
      }
      [beforeThat, before] = [before, token];
    }
  }
  return {
    numbers: [...numbers].sort((a, b) => a - b),
    divisors: [...divisors],
    texts: [...texts],
  };
}

/** True when a minus after this token subtracts. */
function isOperand(token: Token | undefined, sql: string): boolean {
  if (token === undefined) return false;
  const text = sql.slice(token.start, token.end).toUpperCase();
  if (token.kind === "word")
    return !["AND", "OR", "NOT", "IN", "BETWEEN", "THEN", "ELSE", "WHEN", "IS"].includes(text);
  return token.kind !== "operator" || text === ")";
}

/** A string literal, and what a LIKE or GLOB pattern of that text would match. */
function addText(texts: Set<string>, literal: string): void {
  const text = literal.slice(1, -1).replaceAll("''", "'");
  texts.add(text);
  if (!/[%_*?[\]]/.test(text)) return;
  texts.add(text.replaceAll(/[%*]/g, "").replaceAll(/[_?]/g, "x"));
  texts.add(
    text
      .replaceAll(/\[\^?[^\]]*\]/g, (set) => memberOf(set))
      .replaceAll(/[*%]/g, "0")
      .replaceAll(/[?_]/g, "0"),
  );
}

/** One character that a GLOB set such as `[a-f0-9]` matches. */
function memberOf(set: string): string {
  if (!set.startsWith("[^")) return set.charAt(1);
  return [..."0aA-"].find((character) => !new RegExp(set).test(character)) === undefined
    ? "0"
    : ([..."0aA-"].find((character) => new RegExp(set).test(character)) ?? "0");
}
