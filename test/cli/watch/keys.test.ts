import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type Key, KeyReader } from "../../../src/cli/watch/keys.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const named = (name: string): Key => ({ type: "named", name }) as Key;
const text = (character: string): Key => ({ type: "text", text: character });

describe("KeyReader", () => {
  it.each([
    ["q", [text("q")]],
    ["1?é😀", [text("1"), text("?"), text("é"), text("😀")]],
    ["\u0003", [{ type: "control", name: "c" }]],
    ["\u001a", [{ type: "control", name: "z" }]],
    ["\t", [named("tab")]],
    ["\r", [named("enter")]],
    ["\u001b[A\u001b[B\u001b[C\u001b[D", ["up", "down", "right", "left"].map(named)],
    ["\u001bOA\u001bOH", [named("up"), named("home")]],
    ["\u001b[1;5C", [named("right")]],
    ["\u001b[5~\u001b[6~\u001b[1~\u001b[4~", ["page-up", "page-down", "home", "end"].map(named)],
    ["\u001b[Z", [named("back-tab")]],
    ["\u001b[200~q", [text("q")]],
    ["\u001bq", []],
    ["\u007f\u0000", []],
    ["\u001b]11;rgb:1/2/3\u0007q", [{ type: "answer", text: "11;rgb:1/2/3" }, text("q")]],
    ["\u001b]11;rgb:1/2/3\u001b\\", [{ type: "answer", text: "11;rgb:1/2/3" }]],
    ["\u001bP1+r\u001b\\q", [{ type: "answer", text: "1+r" }, text("q")]],
  ])("reads %j", (typed, keys) => {
    expect<unknown>(new KeyReader().read(bytes(typed))).toEqual(keys);
  });

  it("reads the same whatever the pieces", () => {
    const typed = bytes("qé\u001b[A\u001b]11;rgb:ff/ff/ff\u001b\\\u001b[1;5C\u001bOFt😀");
    const whole = new KeyReader().read(typed);
    expect(whole).toHaveLength(8);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 30 }), (sizes) => {
        const reader = new KeyReader();
        const keys: Key[] = [];
        let at = 0;
        for (const size of [...sizes, typed.length]) {
          keys.push(...reader.read(typed.subarray(at, at + size)));
          at += size;
        }
        expect(keys).toEqual(whole);
      }),
    );
  });

  it("takes a lone escape for the key when nothing follows", () => {
    const reader = new KeyReader();
    expect(reader.read(bytes("\u001b"))).toEqual([]);
    expect(reader.isWaiting).toBe(true);
    expect(reader.flush()).toEqual([named("escape")]);
    expect(reader.isWaiting).toBe(false);
    expect(reader.read(bytes("\u001b[1"))).toEqual([]);
    expect(reader.flush()).toEqual([]);
  });

  it("gives up an answer that never ends, and reads on", () => {
    const reader = new KeyReader();
    reader.read(bytes(`\u001b]${"x".repeat(1000)}`));
    expect(reader.isWaiting).toBe(false);
    expect(reader.read(bytes("q"))).toEqual([text("q")]);
  });
});
