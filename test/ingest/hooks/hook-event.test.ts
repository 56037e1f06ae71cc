import { describe, expect, it } from "bun:test";
import { readHookEvent, readKeptContents } from "../../../src/ingest/hooks/hook-event.ts";
import { codeOf, errorOf } from "../../support/error-of.ts";
import { NOON } from "../../support/usage-db.ts";

const reading = { receivedAt: NOON, keep: new Set<never>(), sourceApp: "claude-code" } as const;
const read = (body: unknown): ReturnType<typeof readHookEvent> =>
  readHookEvent(typeof body === "string" ? body : JSON.stringify(body), reading);

const OWN = { session_id: "s", hook_event_name: "Stop", cwd: "/p", model: "opus" };
const CLIENT = {
  source_app: "my-app",
  session_id: "s",
  hook_event_type: "PreToolUse",
  payload: { tool_name: "Bash" },
  timestamp: NOON - 1000,
  summary: "ran",
  model_name: "sonnet",
};

describe("readHookEvent()", () => {
  it("reads what Claude Code sends itself, at the time of arrival", () => {
    expect(read(OWN)).toMatchObject({
      shape: "agent",
      source_app: "claude-code",
      session_id: "s",
      hook_event_type: "Stop",
      payload: OWN,
      chat: null,
      summary: null,
      model_name: "opus",
      timestamp: NOON,
      isNamed: false,
    });
  });

  it("reads what observability clients send, at the time that they say", () => {
    expect(read(CLIENT)).toMatchObject({
      shape: "client",
      source_app: "my-app",
      payload: { tool_name: "Bash" },
      summary: "ran",
      model_name: "sonnet",
      timestamp: NOON - 1000,
      isNamed: true,
    });
    expect(read({ ...CLIENT, timestamp: undefined })).toMatchObject({
      timestamp: NOON,
      isNamed: false,
    });
  });

  it("knows by the whole body whether two events are one, also by what of it is not kept", () => {
    const prompt = (text: string): string =>
      read({ ...OWN, hook_event_name: "UserPromptSubmit", prompt: text }).fingerprint;
    expect(prompt("a")).toBe(prompt("a"));
    expect(prompt("a")).not.toBe(prompt("b"));
    expect(read(`\n${JSON.stringify(OWN)}  `).fingerprint).toBe(read(OWN).fingerprint);
    expect(readHookEvent(JSON.stringify(OWN), { ...reading, sourceApp: "b" }).fingerprint).not.toBe(
      read(OWN).fingerprint,
    );
  });

  it("takes a tool's call for an event with a name of its own", () => {
    expect(read({ ...OWN, tool_use_id: "toolu_1" }).isNamed).toBe(true);
    expect(read({ ...OWN, tool_use_id: "" }).isNamed).toBe(false);
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["no session", { hook_event_name: "Stop" }],
    ["no type", { session_id: "s" }],
    ["a session that is a number", { ...OWN, session_id: 7 }],
    ["a session with a NUL", { ...OWN, session_id: "a\0b" }],
    ["a session with half a character", '{"session_id":"\\ud800","hook_event_name":"Stop"}'],
    ["an endless session", { ...OWN, session_id: "x".repeat(251) }],
    ["no source", { ...CLIENT, source_app: "" }],
    ["no payload", { ...CLIENT, payload: undefined }],
    ["a payload that is text", { ...CLIENT, payload: "{}" }],
    ["seconds", { ...CLIENT, timestamp: 1_795_000_000 }],
    ["a date", { ...CLIENT, timestamp: "2026-11-20" }],
  ])("refuses %s", (_, body) => {
    expect(codeOf(() => read(body))).toBe("HOOK_EVENT_INVALID");
  });

  it("never repeats what was said in a refusal", () => {
    const error = errorOf(() => read('{"session_id":"s","prompt":"my secret"'));
    expect(JSON.stringify(error)).not.toContain("secret");
  });

  it("survives JSON that is 100,000 deep", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const event = read(`{"session_id":"s","hook_event_name":"Stop","x":${deep}}`);
    expect(JSON.stringify(event).length).toBeLessThan(1000);
    expect(event.payload["usagedb_trimmed"]).toEqual([
      { path: `/x${"/0".repeat(31)}`, why: "too deep", size: 1, kept: 0 },
    ]);
  });

  it("keeps a conversation only when prompts and output are asked for", () => {
    const chat = [{ role: "user", content: "hi" }];
    expect(read({ ...CLIENT, chat })).toMatchObject({
      chat: null,
      payload: { usagedb_trimmed: [{ path: "chat:", why: "not kept", size: 1, kept: 0 }] },
    });
    const keep = readKeptContents("prompts, output");
    expect(readHookEvent(JSON.stringify({ ...CLIENT, chat }), { ...reading, keep })).toMatchObject({
      chat,
      payload: CLIENT.payload,
    });
  });
});

describe("readKeptContents()", () => {
  it("refuses what nobody keeps", () => {
    expect(codeOf(() => readKeptContents("prompts,all"))).toBe("VALUE_INVALID");
    expect(codeOf(() => readKeptContents(""))).toBe("VALUE_INVALID");
  });
});
