import { describe, expect, it } from "bun:test";
import { readClaudeLine } from "../../../src/ingest/claude/claude-line.ts";
import type { LineRecord } from "../../../src/ingest/ingester.ts";
import { assistant } from "../../support/transcripts.ts";
import { NOON } from "../../support/usage-db.ts";

const FILE = { fileSessionId: "from-file", folder: "-home-dev-app", path: "/t/from-file.jsonl" };
const read = (line: unknown): LineRecord => readClaudeLine(line, FILE, 77);

describe("readClaudeLine()", () => {
  it("reads a response with everything that is known of it", () => {
    expect(read(assistant({ extra: { costUSD: 0.5 } }))).toEqual({
      kind: "message",
      messageId: "msg_1",
      requestId: "req_1",
      sessionId: "session-1",
      project: "/home/dev/app",
      model: "claude-opus-4-6",
      timestamp: NOON,
      isSidechain: false,
      inputTokens: 10,
      outputTokens: 20,
      cacheWrite5mTokens: 30,
      cacheWrite1hTokens: 0,
      cacheReadTokens: 40,
      reportedCostUsd: 0.5,
    });
  });

  it.each([
    [
      "the split names all of it",
      {
        cache_creation_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      },
      10,
      20,
    ],
    ["there is no split", { cache_creation_input_tokens: 30 }, 30, 0],
    [
      "the split names less than the total",
      { cache_creation_input_tokens: 30, cache_creation: { ephemeral_1h_input_tokens: 12 } },
      18,
      12,
    ],
    [
      "the split names more than the total",
      { cache_creation_input_tokens: 30, cache_creation: { ephemeral_1h_input_tokens: 99 } },
      0,
      30,
    ],
    [
      "only the split is there",
      {
        cache_creation_input_tokens: undefined,
        cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 5 },
      },
      4,
      5,
    ],
    ["neither is there", { cache_creation_input_tokens: undefined }, 0, 0],
    ["the split is null", { cache_creation_input_tokens: 3, cache_creation: null }, 3, 0],
  ])("takes cache writes apart when %s", (_, usage, fiveMinutes, oneHour) => {
    expect(read(assistant({ usage }))).toMatchObject({
      cacheWrite5mTokens: fiveMinutes,
      cacheWrite1hTokens: oneHour,
    });
  });

  it("falls back to the file for session and project, and to the line for the message", () => {
    const line = assistant({
      id: null,
      requestId: null,
      extra: { sessionId: undefined, cwd: undefined, uuid: "u-9" },
    });
    expect(read(line)).toMatchObject({
      messageId: "u-9",
      requestId: "",
      sessionId: "from-file",
      project: "-home-dev-app",
    });
    expect(read({ ...line, uuid: undefined })).toMatchObject({
      messageId: "/t/from-file.jsonl:77",
    });
  });

  it.each([
    ["user", { type: "user", message: { usage: { input_tokens: 1 } } }],
    ["summary", { type: "summary", summary: '"usage"' }],
    ["file-history-snapshot", { type: "file-history-snapshot", snapshot: { usage: {} } }],
    ["queue-operation", { type: "queue-operation", operation: "enqueue" }],
    ["a type nobody knows yet", { type: "hologram", message: { usage: { input_tokens: 5 } } }],
    [
      "progress around a whole response",
      { type: "progress", data: { message: assistant() }, message: assistant()["message"] },
    ],
    ["a response without usage", { type: "assistant", message: { id: "m" } }],
    ["usage that is no object", { type: "assistant", message: { id: "m", usage: 7 } }],
    ["no type and no role", { message: { usage: { input_tokens: 1 } } }],
  ])("passes %s", (_, line) => {
    expect(read(line)).toEqual({ kind: "other" });
  });

  it("takes an old line without a type for what its role says", () => {
    expect(read({ ...assistant(), type: undefined })).toMatchObject({ kind: "message" });
  });

  it.each([
    ["an array", [1]],
    ["text", "x"],
    ["null", null],
    ["no timestamp", { ...assistant(), timestamp: undefined }],
    ["a timestamp that is none", assistant({ timestamp: "yesterday" })],
    ["a timestamp of 1970", assistant({ timestamp: "1970-01-21T10:00:00Z" })],
    ["negative tokens", assistant({ usage: { output_tokens: -1 } })],
    ["half a token", assistant({ usage: { input_tokens: 1.5 } })],
    ["tokens as text", assistant({ usage: { input_tokens: "12" } })],
    ["more tokens than a number can hold", assistant({ usage: { input_tokens: 2 ** 53 } })],
    ["more tokens than any response has", assistant({ usage: { input_tokens: 10_000_000_001 } })],
  ])("calls %s malformed", (_, line) => {
    expect(read(line).kind).toBe("malformed");
  });

  it("keeps no cost that is no amount", () => {
    for (const costUSD of ["1", -1, null, Number.NaN]) {
      expect(read(assistant({ extra: { costUSD } }))).toMatchObject({ reportedCostUsd: null });
    }
  });

  it("turns the news of a limit into an event, and other synthetic lines into nothing", () => {
    const limit = assistant({
      model: "<synthetic>",
      content: [{ type: "text", text: "Claude AI usage limit reached|1770000000" }],
      extra: { isApiErrorMessage: true, uuid: "u-1" },
    });
    expect(read(limit)).toMatchObject({
      kind: "event",
      eventType: "UsageLimitReached",
      payload: { resets_at: 1_770_000_000_000 },
      dedupeKey: "claude:limit:u-1",
    });
    expect(read({ ...limit, isApiErrorMessage: undefined })).toEqual({ kind: "other" });
    expect(read(assistant({ model: "<synthetic>", extra: { isApiErrorMessage: true } }))).toEqual({
      kind: "other",
    });
  });
});
