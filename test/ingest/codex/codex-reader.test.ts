import { describe, expect, it } from "bun:test";
import { CodexReader } from "../../../src/ingest/codex/codex-reader.ts";
import type { LimitRecord, LineRecord, MessageRecord } from "../../../src/ingest/ingester.ts";
import {
  sessionMeta,
  SESSION,
  tokenCount,
  type TokenCountLine,
  turnContext,
  turns,
} from "../../support/rollouts.ts";
import { NOON } from "../../support/usage-db.ts";

const PATH = `/home/dev/.codex/sessions/2026/11/20/rollout-2026-11-20T12-00-00-${SESSION}.jsonl`;
const PARENT = "019c8a4d-8f45-7010-8b5d-7fad920aa6f9";

function read(lines: readonly object[], reader = new CodexReader(PATH, null)): LineRecord[] {
  return lines.flatMap((line) => {
    const said = reader.read(line);
    return Array.isArray(said) ? said : [said as LineRecord];
  });
}
const messages = (lines: readonly object[], reader?: CodexReader): MessageRecord[] =>
  read(lines, reader).filter((record) => record.kind === "message");
const limits = (lines: readonly object[]): LimitRecord[] =>
  read(lines).filter((record) => record.kind === "limit");
/** Input without cache, cache, output. */
const figures = (records: readonly MessageRecord[]): number[][] =>
  records.map(({ inputTokens, cacheReadTokens, outputTokens }) => [
    inputTokens,
    cacheReadTokens,
    outputTokens,
  ]);

describe("CodexReader", () => {
  it("takes the turn's counts: input without what was cached, output with reasoning", () => {
    const [message] = messages([sessionMeta(), turnContext("gpt-5.3-codex"), ...turns(1)]);
    expect(message).toMatchObject({
      kind: "message",
      requestId: "",
      sessionId: SESSION,
      project: "/home/dev/app",
      model: "gpt-5.3-codex",
      timestamp: NOON + 10_000,
      isSidechain: false,
      inputTokens: 61,
      cacheReadTokens: 40,
      outputTokens: 20,
      cacheWrite5mTokens: 0,
      reportedCostUsd: null,
    });
  });

  it("passes a count whose running total did not move, and one without info", () => {
    const [turn] = turns(1);
    const later = { ...turn, timestamp: new Date(NOON + 11_000).toISOString() };
    const lines = [sessionMeta(), tokenCount({ time: NOON }), turn as object, later];
    expect(messages(lines)).toHaveLength(1);
  });

  it("subtracts where only running totals stand, and starts over with a total that shrank", () => {
    const totals = [
      { input: 100, cached: 50, output: 10 },
      { input: 250, cached: 150, output: 25, reasoning: 4 },
      { input: 30, cached: 0, output: 3 },
    ];
    const lines = totals.map((total, index) => tokenCount({ time: NOON + index * 1000, total }));
    expect(figures(messages([sessionMeta(), ...lines]))).toEqual([
      [50, 50, 10],
      [50, 100, 15],
      [30, 0, 3],
    ]);
  });

  it("uses the latest model, and says unknown rather than guess one", () => {
    const [first, second, third] = turns(3);
    const lines = [
      sessionMeta(),
      first,
      turnContext("gpt-5"),
      second,
      turnContext("gpt-5.3-codex"),
      third,
    ] as object[];
    expect(messages(lines).map(({ model }) => model)).toEqual([
      "unknown",
      "gpt-5",
      "gpt-5.3-codex",
    ]);
  });

  it("goes on from the state that it left, whatever line that was after", () => {
    const lines = [sessionMeta(), turnContext("gpt-5"), ...turns(4), ...turns(1, { before: 3 })];
    const whole = messages(lines);
    expect(whole).toHaveLength(4);
    for (let cut = 0; cut <= lines.length; cut++) {
      const before = new CodexReader(PATH, null);
      const first = messages(lines.slice(0, cut), before);
      const after = new CodexReader(PATH, JSON.parse(before.state()));
      expect([...first, ...messages(lines.slice(cut), after)]).toEqual(whole);
    }
  });

  it("gives copies of a line one id, and different responses different ones", () => {
    const other = PATH.replace(SESSION, PARENT);
    const lines = [sessionMeta(), ...turns(3)];
    const ids = messages(lines).map(({ messageId }) => messageId);
    expect(new Set(ids).size).toBe(3);
    expect(
      messages(lines.slice(1), new CodexReader(other, null)).map(({ messageId }) => messageId),
    ).toEqual(ids);
  });

  it.each([
    ["a count that is no count", { input_tokens: -1 }],
    ["a count that is a text", { output_tokens: "12" }],
  ])("counts %s as malformed", (_, usage) => {
    const line = {
      timestamp: new Date(NOON).toISOString(),
      type: "event_msg",
      payload: { type: "token_count", info: { last_token_usage: usage } },
    };
    expect(read([line])).toMatchObject([{ kind: "malformed" }]);
    expect(read([{ ...line, timestamp: "soon" }])).toMatchObject([{ kind: "malformed" }]);
  });

  it("tells what was written to the cache from other input, in totals too, and never counts it twice", () => {
    const usage = {
      input_tokens: 100,
      cached_input_tokens: 30,
      cache_write_input_tokens: 50,
      output_tokens: 7,
      reasoning_output_tokens: 0,
      total_tokens: 107,
    };
    const counted = (info: object): object => ({
      timestamp: new Date(NOON).toISOString(),
      type: "event_msg",
      payload: { type: "token_count", info },
    });
    const split = {
      inputTokens: 20,
      cacheReadTokens: 30,
      cacheWrite5mTokens: 50,
      outputTokens: 7,
    };
    const [last] = messages([sessionMeta(), counted({ last_token_usage: usage })]);
    expect(last).toMatchObject(split);
    const doubled = Object.fromEntries(Object.entries(usage).map(([name, n]) => [name, 2 * n]));
    const grown = messages([
      sessionMeta(),
      counted({ total_token_usage: usage }),
      counted({ total_token_usage: doubled }),
    ]);
    expect(grown).toHaveLength(2);
    for (const message of grown) expect(message).toMatchObject(split);
    const tooMuch = { ...usage, cache_write_input_tokens: 1000 };
    const [clipped] = messages([sessionMeta(), counted({ last_token_usage: tooMuch })]);
    expect(clipped).toMatchObject({ inputTokens: 0, cacheReadTokens: 30, cacheWrite5mTokens: 70 });
  });

  it("goes on from a running total that an earlier release kept without cache writes", () => {
    const totalsOnly = (n: number): object => ({
      timestamp: new Date(NOON + n * 1000).toISOString(),
      type: "event_msg",
      payload: {
        type: "token_count",
        info: {
          total_token_usage: { input_tokens: 10 * n, output_tokens: n, total_tokens: 11 * n },
        },
      },
    });
    const reader = new CodexReader(PATH, null);
    read([sessionMeta(), totalsOnly(1)], reader);
    const kept = JSON.parse(reader.state()) as { total: Record<string, unknown> };
    delete kept.total["written"];
    expect(read([totalsOnly(2)], new CodexReader(PATH, kept))).toMatchObject([
      { kind: "message", inputTokens: 10, cacheWrite5mTokens: 0, outputTokens: 1 },
    ]);
  });

  it("counts a response once that also has a record of its own beside the token count", () => {
    const [count] = turns(1);
    const { payload } = count as { payload: { info: { last_token_usage: unknown } } };
    const record = {
      timestamp: new Date(NOON).toISOString(),
      type: "token_usage_record",
      payload: { response_id: "resp_1", usage: payload.info.last_token_usage },
    };
    const plain = messages([sessionMeta(), ...turns(1)]);
    expect(plain).toHaveLength(1);
    expect(messages([sessionMeta(), record, ...turns(1), record])).toEqual(plain);
  });

  it("passes what it does not know", () => {
    const lines = [
      { type: "token_usage_record", payload: { usage: { input_tokens: 5 } } },
      { type: "event_msg", payload: { type: "agent_message" } },
      { type: "event_msg", payload: null },
      { id: "old", instructions: "x" },
    ];
    expect(read(lines).every(({ kind }) => kind === "other")).toBe(true);
  });
});

describe("CodexReader on copies", () => {
  const MADE = NOON + 3_600_000;
  const own = { from: MADE + 5000, before: 3 };

  it("skips a parent's counts that were written anew in the second of the fork", () => {
    const replayed = turns(3, { from: MADE, gapMs: 5 });
    const lines = [
      sessionMeta({ forked_from_id: PARENT }, MADE),
      sessionMeta({ id: PARENT }, MADE + 1),
      turnContext("gpt-5", MADE + 2),
      ...replayed,
      ...turns(2, own),
    ];
    const found = messages(lines);
    expect(found.map(({ timestamp }) => timestamp)).toEqual([MADE + 15_000, MADE + 25_000]);
    // What the fork added is not what its parent had: the running total goes on from the copied ones.
    expect(figures(found)).toEqual(figures(messages([sessionMeta(), ...turns(5)]).slice(3)));
  });

  it("skips all counts of the second in which a fork's first line was written, whenever it was made", () => {
    for (const created of [MADE, MADE - 20_000]) {
      const lines = [
        sessionMeta({ forked_from_id: PARENT, timestamp: new Date(created).toISOString() }, MADE),
        ...turns(1, { from: MADE, gapMs: 10 }),
        ...turns(1, { from: MADE, gapMs: 900, before: 1 }),
        ...turns(1, { from: MADE + 5000, before: 2 }),
      ];
      expect(messages(lines)).toHaveLength(1);
    }
  });

  it("skips a copied history that took longer than its second to write", () => {
    const made = MADE + 900;
    const replayed = turns(8, { from: made, gapMs: 60 });
    const lines = [
      sessionMeta({ forked_from_id: PARENT }, made),
      ...replayed,
      ...turns(1, { from: made + 5000, before: 8 }),
    ];
    expect(messages(lines)).toHaveLength(1);
  });

  it("skips counts that kept the parent's times", () => {
    const lines = [
      sessionMeta({ source: { subagent: { thread_spawn: { parent_thread_id: PARENT } } } }, MADE),
      ...turns(3, { from: NOON }),
      ...turns(1, own),
    ];
    const found = messages(lines);
    expect(found.map(({ timestamp }) => timestamp)).toEqual([MADE + 15_000]);
    expect(found[0]?.isSidechain).toBe(true);
  });

  it("goes on from the parent's running total where only totals stand", () => {
    const total = (time: number, input: number): object =>
      tokenCount({ time, total: { input, output: 10 } });
    const lines = [
      sessionMeta({ forked_from_id: PARENT }, MADE),
      total(MADE + 1, 1000),
      total(MADE + 2, 2000),
      total(MADE + 9000, 2300),
    ];
    expect(figures(messages(lines))).toEqual([[300, 0, 0]]);
  });

  it("knows an older copy by the parent's first line behind its own", () => {
    const lines = [
      sessionMeta({}, MADE),
      sessionMeta({ id: PARENT }, MADE + 1),
      ...turns(3, { from: MADE, gapMs: 5 }),
      ...turns(1, own),
    ];
    expect(messages(lines)).toHaveLength(1);
  });

  it("counts everything of a sub-agent that was given no history", () => {
    const lines = [
      sessionMeta({ source: { subagent: "review" } }, MADE),
      turnContext("gpt-5", MADE + 3),
      tokenCount({
        time: MADE + 300,
        limits: { primary: { window_minutes: 300, used_percent: 1 } },
      }),
      ...turns(2, { from: MADE + 1500, gapMs: 700 }),
    ];
    expect(messages(lines)).toHaveLength(2);
  });

  it("counts everything of a session that is no copy, even within its first second", () => {
    expect(messages([sessionMeta(), ...turns(2, { gapMs: 50 })])).toHaveLength(2);
  });

  it("goes on skipping after an interruption in the middle of the copied lines", () => {
    const lines = [
      sessionMeta({ forked_from_id: PARENT }, MADE),
      ...turns(3, { from: MADE, gapMs: 5 }),
      ...turns(2, own),
    ];
    for (let cut = 0; cut <= lines.length; cut++) {
      const before = new CodexReader(PATH, null);
      const first = messages(lines.slice(0, cut), before);
      const after = new CodexReader(PATH, JSON.parse(before.state()));
      expect([...first, ...messages(lines.slice(cut), after)]).toHaveLength(2);
    }
  });
});

describe("CodexReader on limits", () => {
  const window = (used: number, extra: object = {}): object => ({
    used_percent: used,
    window_minutes: 300,
    resets_at: 1_800_000_000,
    ...extra,
  });
  const line = (time: number, rateLimits: object, rest: Partial<TokenCountLine> = {}): object =>
    tokenCount({ time, limits: rateLimits, ...rest });

  it("tells the windows apart by their length, not by being called primary", () => {
    const week = window(3, { window_minutes: 10_080 });
    expect(limits([line(NOON, { primary: week, secondary: window(7) })])).toMatchObject([
      { windowMinutes: 10_080, usedPercent: 3, resetsAt: 1_800_000_000_000, timestamp: NOON },
      { windowMinutes: 300, usedPercent: 7 },
    ]);
  });

  it("understands a reset that is told as seconds from now", () => {
    const relative = { used_percent: 5, window_minutes: 300, resets_in_seconds: 90 };
    expect(limits([line(NOON, { primary: relative })])).toMatchObject([
      { resetsAt: NOON + 90_000 },
    ]);
  });

  it("tells a limit again only when it changed, by more than the reset's jitter", () => {
    const lines = [
      line(NOON, { primary: window(1) }),
      line(NOON + 1000, { primary: window(1, { resets_at: 1_800_000_001 }) }),
      line(NOON + 2000, { primary: window(2) }),
      line(NOON + 3000, { primary: window(2, { resets_at: 1_800_018_000 }) }),
    ];
    expect(limits(lines).map(({ timestamp }) => timestamp - NOON)).toEqual([0, 2000, 3000]);
  });

  it("passes limits of another shape", () => {
    const shapes = [null, [], { primary: null }, { primary: { used_percent: "5" } }];
    for (const shape of shapes) expect(limits([line(NOON, shape as object)])).toEqual([]);
  });
});
