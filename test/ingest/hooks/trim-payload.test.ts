import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import {
  type KeptContent,
  PAYLOAD_LIMITS,
  trimPayload,
  TRIMMED_KEY,
} from "../../../src/ingest/hooks/trim-payload.ts";

const trim = (
  payload: Record<string, unknown>,
  keep: readonly KeptContent[] = [],
  eventType = "PostToolUse",
): Record<string, unknown> => trimPayload(payload, { keep: new Set(keep), eventType });

describe("trimPayload()", () => {
  it("leaves a small payload as it is, without a list of what it lacks", () => {
    const payload = { tool_name: "Bash", tool_input: { command: "ls" }, n: 1, x: null, ok: true };
    expect(trim(payload)).toEqual(payload);
  });

  it("keeps neither prompts nor output unless asked, and says how much there was", () => {
    const payload = {
      prompt: "tell me",
      tool_input: { command: "ls", prompt: "look" },
      tool_response: { stdout: "a".repeat(90) },
      calls: [{ tool_response: "b" }],
    };
    expect(trim(payload)).toEqual({
      tool_input: { command: "ls" },
      calls: [{}],
      [TRIMMED_KEY]: [
        { path: "/prompt", why: "not kept", size: 7, kept: 0 },
        { path: "/tool_input/prompt", why: "not kept", size: 4, kept: 0 },
        { path: "/tool_response", why: "not kept", size: 103, kept: 0 },
        { path: "/calls/0/tool_response", why: "not kept", size: 1, kept: 0 },
      ],
    });
    expect(trim(payload, ["prompts", "output"])).toEqual(payload);
    expect(trim(payload, ["prompts"])).toMatchObject({ prompt: "tell me" });
    expect(trim(payload, ["prompts"])).not.toHaveProperty("tool_response");
    expect(trim(payload, ["output"])).toMatchObject({ tool_response: payload.tool_response });
    expect(trim(payload, ["output"])).not.toHaveProperty("prompt");
  });

  it("takes an error for output only where a tool failed", () => {
    expect(trim({ error: "rate_limit" }, [], "StopFailure")).toEqual({ error: "rate_limit" });
    expect(trim({ error: "a secret" }, [], "PostToolUseFailure")).not.toHaveProperty("error");
  });

  it("cuts strings, and never in the middle of a character", () => {
    const text = `${"x".repeat(PAYLOAD_LIMITS.maxStringLength - 1)}😀`;
    const { note, [TRIMMED_KEY]: trimmings } = trim({ note: text });
    expect((note as string).isWellFormed()).toBe(true);
    expect(trimmings).toEqual([{ path: "/note", why: "too long", size: 2001, kept: 2000 }]);
  });

  it("drops a list of its own name that came along, and writes paths as JSON Pointers", () => {
    const forged = { [TRIMMED_KEY]: "mine", "a/b~c": "x".repeat(3000) };
    expect(trim(forged)[TRIMMED_KEY]).toEqual([
      { path: "/a~1b~0c", why: "too long", size: 3000, kept: 2000 },
    ]);
  });

  it("keeps a key called __proto__ a key", () => {
    const trimmed = trim(JSON.parse('{"__proto__":{"a":1}}') as Record<string, unknown>);
    expect(JSON.stringify(trimmed)).toBe('{"__proto__":{"a":1}}');
  });

  it("bounds whatever comes, and is stable: what was trimmed is not trimmed again", () => {
    const big = fc.oneof(
      fc.string({ maxLength: 50 }),
      fc.nat(100_000).map((length) => "y".repeat(length)),
      fc.array(fc.constant("z".repeat(900)), { maxLength: 700 }),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), big), (payload) => {
        const once = trim(payload);
        expect(JSON.stringify(once).length).toBeLessThan(PAYLOAD_LIMITS.maxTotalLength * 3);
        const { [TRIMMED_KEY]: _, ...rest } = once;
        expect(trim(rest)).toEqual(rest);
      }),
      { numRuns: 60 },
    );
  });
});
