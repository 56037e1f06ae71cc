import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type JsonPath, putValue, removeValue } from "../../src/cli/json-text.ts";

const TWO_LINES = '{\n  "a": [1, 2],\n  "b": {}\n}\n';

describe("putValue()", () => {
  it("adds to what stands on several lines a line, to what stands on one a piece of it", () => {
    expect(putValue(TWO_LINES, ["c"], { d: 1 })).toBe(
      '{\n  "a": [1, 2],\n  "b": {},\n  "c": {\n    "d": 1\n  }\n}\n',
    );
    expect(putValue(TWO_LINES, ["a", 2], { d: 1 })).toBe(
      '{\n  "a": [1, 2, {"d":1}],\n  "b": {}\n}\n',
    );
  });

  it("opens an empty object, with the file's own indentation and line ends", () => {
    expect(putValue(TWO_LINES, ["b", "x"], true)).toContain('"b": {\n    "x": true\n  }');
    expect(putValue("{}", ["x"], [1])).toBe('{\n  "x": [\n    1\n  ]\n}');
    expect(putValue('{\r\n\t"a": {}\r\n}', ["a", "x"], [1])).toBe(
      '{\r\n\t"a": {\r\n\t\t"x": [\r\n\t\t\t1\r\n\t\t]\r\n\t}\r\n}',
    );
  });

  it("puts a value in the place of one, and of the last of two of a name", () => {
    expect(putValue(TWO_LINES, ["a", 0], "x")).toContain('["x", 2]');
    expect(putValue('{"a":1,"a":2}', ["a"], 3)).toBe('{"a":1,"a":3}');
  });

  it("is not misled by marks inside strings", () => {
    const text = '{"a\\"}]": "{[,\\\\", "b": ["]"]}';
    expect(JSON.parse(putValue(text, ["b", 1], 1))).toEqual({ 'a"}]': "{[,\\", b: ["]", 1] });
  });
});

describe("removeValue()", () => {
  it("takes one comma with the first, the middle and the last entry, and none with the only one", () => {
    const text = '{ "a": 1, "b": 2, "c": [3] }';
    expect(removeValue(text, ["a"])).toBe('{ "b": 2, "c": [3] }');
    expect(removeValue(text, ["b"])).toBe('{ "a": 1, "c": [3] }');
    expect(removeValue(text, ["c"])).toBe('{ "a": 1, "b": 2 }');
    expect(removeValue(text, ["c", 0])).toBe('{ "a": 1, "b": 2, "c": [] }');
    expect(removeValue(text, ["d"])).toBe(text);
  });
});

describe("the edits", () => {
  /** Every path of a value, its own first. */
  function* pathsOf(value: unknown, path: JsonPath = []): Generator<JsonPath> {
    yield path;
    if (typeof value !== "object" || value === null) return;
    const names = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
    for (const name of names)
      yield* pathsOf((value as Record<string, unknown>)[name], [...path, name]);
  }

  const json = fc
    .jsonValue({ maxDepth: 4 })
    .filter(
      (value) =>
        typeof value === "object" && value !== null && !JSON.stringify(value).includes("__proto__"),
    );
  const indent = fc.constantFrom(0, 2, 4, "\t");

  it("say what an edit of the value says, and undo each other to the byte", () => {
    fc.assert(
      fc.property(
        json,
        indent,
        fc.nat(),
        fc.jsonValue({ maxDepth: 2 }),
        (value, space, choice, added) => {
          const text = JSON.stringify(value, null, space);
          const holders = [...pathsOf(value)].filter((path) => {
            const at = path.reduce<unknown>(
              (node, name) => (node as Record<string, unknown>)[name],
              value,
            );
            return typeof at === "object" && at !== null && Object.keys(at).length > 0;
          });
          const holder = holders[choice % Math.max(1, holders.length)];
          if (holder === undefined) return;
          const expected = structuredClone(value) as Record<string, unknown>;
          const at = holder.reduce<Record<string, unknown>>(
            (node, name) => node[name] as Record<string, unknown>,
            expected,
          );
          const name = Array.isArray(at) ? at.length : "added by the test";
          at[name] = added;
          const put = putValue(text, [...holder, name], added);
          expect(JSON.parse(put)).toEqual(JSON.parse(JSON.stringify(expected)));
          expect(removeValue(put, [...holder, name])).toBe(text);
        },
      ),
      { numRuns: 200 },
    );
  });
});
