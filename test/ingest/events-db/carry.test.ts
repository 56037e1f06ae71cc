import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { ADOPTED_KEY, carry, type OldValue } from "../../../src/ingest/events-db/carry.ts";

const NOTHING = new Map<string, OldValue>();
const document = (value: OldValue, isJson = true) => ({ column: "payload", value, isJson });

describe("carry()", () => {
  it("returns JSON that needs nothing byte for byte", () => {
    const text = ' { "n": 12345678901234567890, "n": 1.0 }\n';
    expect(carry(document(text), NOTHING, NOTHING)).toBe(text);
  });

  it("adds to an object without touching what it says", () => {
    const added = new Map([["humanInTheLoopStatus", "pending"]]);
    expect(carry(document('{"n": 12345678901234567890} '), added, NOTHING)).toBe(
      '{"n": 12345678901234567890,"humanInTheLoopStatus":"pending"}',
    );
    expect(carry(document("{ }"), added, NOTHING)).toBe('{ "humanInTheLoopStatus":"pending"}');
  });

  it("embeds documents of other columns as documents, all else as values", () => {
    const added = new Map<string, OldValue>([
      ["a", '{"b": [1]}'],
      ["c", "[cut"],
      ["d", 7],
      ["e", new Uint8Array([255])],
      ["f", Infinity],
    ]);
    expect(JSON.parse(carry(document("{}"), added, NOTHING))).toEqual({
      a: { b: [1] },
      c: "[cut",
      d: 7,
      e: { base64: "/w==" },
      f: "Infinity",
    });
  });

  it.each([
    ["text", false, { payload: "text" }],
    ["", false, { payload: "" }],
    ["a\0b", false, { payload: "a\0b" }],
    [null, false, { payload: null }],
    [new Uint8Array([34, 255, 34]), false, { payload: { base64: "Iv8i" } }],
    ["[1, 2]", true, { payload_json: [1, 2] }],
    ['{"x": 1}', true, { payload_json: { x: 1 } }],
  ] as const)("keeps %p under the mark when it cannot be added to", (value, isJson, marked) => {
    // The key stands already, or there is no object to add to.
    const added = new Map(isJson ? [["x", "1"]] : []);
    expect(JSON.parse(carry(document(value, isJson), added, NOTHING))).toEqual({
      ...Object.fromEntries(added),
      [ADOPTED_KEY]: marked,
    });
  });

  it("keeps replaced values under the mark of an object", () => {
    const replaced = new Map<string, OldValue>([["timestamp", 0]]);
    expect(carry(document('{"a":1}'), NOTHING, replaced)).toBe(
      '{"a":1,"usagedb_adopted":{"timestamp":0}}',
    );
  });

  it("keeps a document that is nested to SQLite's limit as text", () => {
    const deep = `${"[".repeat(1000)}${"]".repeat(1000)}`;
    const carried = carry(document(deep), NOTHING, new Map([["timestamp", 0]]));
    expect(JSON.parse(carried)).toEqual({ [ADOPTED_KEY]: { payload: deep, timestamp: 0 } });
  });

  it("loses nothing of any object and any columns", () => {
    const key = fc.string({ minLength: 1 }).filter((name) => name !== "__proto__");
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.jsonValue()),
        fc.dictionary(key, fc.string()),
        (object, columns) => {
          const text = JSON.stringify(object);
          const carried = carry(document(text), new Map(Object.entries(columns)), NOTHING);
          const read = JSON.parse(carried) as Record<string, unknown>;
          const mark = read[ADOPTED_KEY] as { payload_json?: object } | undefined;
          const original = mark?.payload_json ?? read;
          expect(original).toMatchObject(JSON.parse(text) as object);
          for (const [name, value] of Object.entries(columns)) {
            const old = read[name];
            expect(typeof old === "string" ? old : JSON.stringify(old)).toBe(
              typeof old === "string" ? value : JSON.stringify(JSON.parse(value)),
            );
          }
        },
      ),
    );
  });
});
