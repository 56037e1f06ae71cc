import { describe, expect, it } from "bun:test";
import { readClaudeLine } from "../../../src/ingest/claude/claude-line.ts";
import { ClaudeSkim } from "../../../src/ingest/claude/claude-skim.ts";
import { type Chance, chance, FAULT_ROUNDS } from "../../support/fault-rounds.ts";

const FILE = { path: "/t/f.jsonl", fileSessionId: "f", folder: "-f" };

const below = (dice: Chance, n: number): number => Math.floor(dice.next() * n);
const pick = <T>(dice: Chance, list: readonly T[]): T => list[below(dice, list.length)] as T;

/** JSON as it stands in a file, blanks and all. */
type Json = string;

const TEXTS: readonly Json[] = [
  '"a"',
  '"text with \\"quotes\\" and \\\\"',
  '"\\u00e9\\ud83d\\ude00 \\ud800"',
  '"é 日本 🚀"',
  '""',
  '"}]{[\\"usage\\":{"',
  '"\\/\\b\\f\\n\\r\\t"',
];
const NUMBERS: readonly Json[] = [
  "0",
  "7",
  "12",
  "10000000000",
  "10000000001",
  "99999999999",
  "-0",
  "-1",
  "1.0",
  "1.5",
  "1e3",
  "1E+2",
  "0.5e-3",
  "123456789012345678901234567890",
];
const ODD: readonly Json[] = ["null", "true", "false", "[]", "{}", '[1,"x",{"id":2}]', '{"a":{}}'];
/** No JSON, nearly. */
const BROKEN: readonly Json[] = [
  "01",
  "1.",
  ".5",
  "+1",
  "tru",
  "nul",
  "NaN",
  "'a'",
  '"\\x"',
  '"\\u12g4"',
  '"\t"',
  "[1,]",
  '{"a":1,}',
  "{a:1}",
  '{"a" 1}',
  "[1 2]",
  '"open',
  "{",
  "[",
  "/**/1",
  "undefined",
  "",
];

function anyValue(dice: Chance, depth = 0): Json {
  const what = below(dice, depth > 3 ? 8 : 11);
  if (what < 3) return pick(dice, TEXTS);
  if (what < 5) return pick(dice, NUMBERS);
  if (what < 8) return pick(dice, ODD);
  const parts = Array.from({ length: below(dice, 4) }, () => anyValue(dice, depth + 1));
  if (what < 10)
    return `{${parts.map((part) => `${pick(dice, ['"id"', '"usage"', '"k"', '"\\u0061"'])}:${part}`).join(",")}}`;
  return `[${parts.join(" , ")}]`;
}

type Member = readonly [key: Json, value: Json];

/** Mostly what is usual; now and then missing, twice, of another kind, or broken. */
function objectOf(dice: Chance, members: readonly Member[], oddness: number): Json {
  const list: Member[] = [];
  for (const member of members) {
    const roll = dice.next() / oddness;
    if (roll < 0.02) continue;
    const [key, value] = member;
    if (roll < 0.04) list.push([key, anyValue(dice)]);
    else if (roll < 0.05) list.push([key, pick(dice, BROKEN)]);
    else if (roll < 0.06) list.push(member, [key, anyValue(dice)]);
    else if (roll < 0.07)
      list.push([`"\\u00${key.charCodeAt(1).toString(16)}${key.slice(2)}`, value]);
    else if (roll < 0.08) list.push([`"é${key.slice(1)}`, value], member);
    else list.push(member);
  }
  if (dice.next() < 0.3) list.push(['"extra"', anyValue(dice)]);
  if (dice.next() < 0.5) list.sort(() => dice.next() - 0.5);
  const blank = (): string => (dice.next() < 0.9 ? "" : pick(dice, [" ", "  ", "\t", "\r"]));
  const body = list.map(([key, value]) => `${key}${blank()}:${blank()}${value}`);
  return `{${blank()}${body.join(`${blank()},${blank()}`)}${blank()}}`;
}

const TIMES: readonly Json[] = [
  '"2026-02-12T15:36:12.270Z"',
  '"2026-02-12T15:36:12.270Z"',
  '"2024-02-29T00:00:00.000Z"',
  '"2026-02-29T00:00:00.000Z"',
  '"2026-04-31T00:00:00.000Z"',
  '"2026-12-31T23:59:59.999Z"',
  '"2026-02-12T24:00:00.000Z"',
  '"2026-02-12T15:60:12.270Z"',
  '"2026-13-12T15:36:12.270Z"',
  '"1970-01-01T00:00:00.000Z"',
  '"9999-12-31T23:59:59.999Z"',
  '"2026-02-12T15:36:12.27Z"',
  '"2026-02-12 15:36:12.270Z"',
  '"2026-02-12T15:36:12.270+"',
  '"2026-00-10T15:36:12.270Z"',
];

function lineOf(dice: Chance): Json {
  const oddness = pick(dice, [0.02, 0.1, 0.3, 1]);
  const count = (): Json =>
    dice.next() < 0.95 ? String(below(dice, 100_000)) : pick(dice, NUMBERS);
  const text = (usual: Json): Json => (dice.next() < 0.95 ? usual : pick(dice, TEXTS));
  const split = objectOf(
    dice,
    [
      ['"ephemeral_5m_input_tokens"', count()],
      ['"ephemeral_1h_input_tokens"', count()],
    ],
    oddness,
  );
  const usage = objectOf(
    dice,
    [
      ['"input_tokens"', count()],
      ['"output_tokens"', count()],
      ['"cache_creation_input_tokens"', count()],
      ['"cache_read_input_tokens"', count()],
      ['"cache_creation"', split],
      ['"service_tier"', '"standard"'],
    ],
    oddness,
  );
  const message = objectOf(
    dice,
    [
      ['"model"', text(pick(dice, ['"claude-opus"', '"claude-opus"', '"<synthetic>"']))],
      ['"id"', text(`"msg_${below(dice, 3)}"`)],
      ['"role"', '"assistant"'],
      ['"content"', anyValue(dice)],
      ['"usage"', usage],
    ],
    oddness,
  );
  return objectOf(
    dice,
    [
      ['"parentUuid"', '"u"'],
      ['"isSidechain"', pick(dice, ["true", "false"])],
      ['"cwd"', text('"/home/dev"')],
      ['"sessionId"', text('"s"')],
      ['"message"', message],
      ['"requestId"', text(`"req_${below(dice, 3)}"`)],
      ['"type"', pick(dice, ['"assistant"', '"assistant"', '"assistant"', '"user"', '"progress"'])],
      ['"uuid"', '"u"'],
      ['"timestamp"', dice.next() < 0.6 ? '"2026-02-12T15:36:12.270Z"' : pick(dice, TIMES)],
      ...(dice.next() < 0.1 ? [['"costUSD"', count()] as const] : []),
    ],
    oddness,
  );
}

/** One byte gone, come or changed. */
function damaged(bytes: Buffer, dice: Chance): Buffer {
  const at = below(dice, bytes.length);
  const byte = Buffer.from([pick(dice, [0, 9, 31, 32, 34, 44, 58, 92, 93, 125, 127, 128, 255])]);
  const what = below(dice, 4);
  if (what === 0) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
  if (what === 1) return Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at)]);
  if (what === 2) return bytes.subarray(0, at);
  return Buffer.concat([bytes.subarray(0, at), byte, bytes.subarray(at + 1)]);
}

function readByParsing(bytes: Buffer): unknown {
  try {
    return readClaudeLine(JSON.parse(bytes.toString("utf8")), FILE, 0);
  } catch {
    return "no JSON";
  }
}

/**
 * Strategy: lines of Claude Code in which keys are missing, doubled, escaped or have values of other kinds, with numbers
 * and texts of every form, nested, with blanks, broken; a part of them with one byte changed.
 * Invariants: where the skim says anything, it says what the parser's reading says; it reads what is usual by itself.
 */
describe("ClaudeSkim", () => {
  it("says of every line what reading the parsed line says, or leaves it to the parser", () => {
    const dice = chance();
    const skim = new ClaudeSkim();
    const counts = { message: 0, other: 0, left: 0 };
    for (let round = 0; round < 20_000 * FAULT_ROUNDS; round++) {
      const whole = Buffer.from(lineOf(dice));
      const bytes = dice.next() < 0.3 ? damaged(whole, dice) : whole;
      const said = skim.read(bytes);
      if (said === undefined) {
        counts.left++;
        continue;
      }
      counts[said.kind === "message" ? "message" : "other"]++;
      expect({ said, line: bytes.toString() }, `USAGEDB_FAULT_SEED=${dice.seed}`).toEqual({
        said: readByParsing(bytes) as typeof said,
        line: bytes.toString(),
      });
    }
    expect(counts.message).toBeGreaterThan(1000);
    expect(counts.other).toBeGreaterThan(1000);
    expect(counts.left).toBeGreaterThan(1000);
  }, 60_000);

  it("reads a usual line without a parser, whatever stands in its content", () => {
    const line = {
      parentUuid: null,
      isSidechain: true,
      cwd: "/home/dev/work",
      sessionId: "0b6b1b7a",
      message: {
        model: "claude-opus-4-5",
        id: "msg_01",
        content: [
          {
            type: "text",
            text: '日本 "\\ \n é 🚀',
            input: { id: null, usage: { input_tokens: 9 } },
          },
        ],
        usage: { input_tokens: 3, output_tokens: 5, cache_creation_input_tokens: 7 },
      },
      requestId: "req_01",
      type: "assistant",
      timestamp: "2026-02-12T15:36:12.270Z",
    };
    const bytes = Buffer.from(JSON.stringify(line));
    const expected = readByParsing(bytes);
    expect(new ClaudeSkim().read(bytes)).toEqual(expected as never);
    expect(expected).toMatchObject({ kind: "message", isSidechain: true, inputTokens: 3 });
  });

  it.each([
    [
      "nested deeper than any line is",
      `{"type":"user","message":${"[".repeat(1e5)}${"]".repeat(1e5)}}`,
    ],
    ["empty", ""],
    ["only blanks", "   "],
    ["a text after the object", '{"type":"user"} x'],
    ["two objects", '{"type":"user"}{}'],
  ])("leaves a line to the parser that is %s", (_, text) => {
    expect(new ClaudeSkim().read(Buffer.from(text))).toBeUndefined();
  });
});
