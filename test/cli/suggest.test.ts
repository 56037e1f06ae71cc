import { describe, expect, it } from "bun:test";
import { nearest } from "../../src/cli/suggest.ts";

const COMMANDS = ["up", "status", "plan", "rollback", "redo", "validate", "create"];

describe("nearest()", () => {
  it.each([
    ["stauts", "status"],
    ["STATUS", "status"],
    ["statu", "status"],
    ["rolback", "rollback"],
    ["roll", "rollback"],
    ["pu", "up"],
    ["palns", "plan"],
    ["vaildate", "validate"],
  ])("takes %s for %s", (word, expected) => {
    expect(nearest(word, COMMANDS)).toBe(expected);
  });

  it.each(["zz", "x", "", "elephant", "--", "-"])("takes %p for nothing", (word) => {
    expect(nearest(word, COMMANDS)).toBeUndefined();
  });

  it("does not count the dashes of flags", () => {
    const flags = ["--db", "--dir", "--dry-run", "--json"];
    expect(nearest("--bd", flags)).toBe("--db");
    expect(nearest("-dir", flags)).toBe("--dir");
    expect(nearest("--dryrun", flags)).toBe("--dry-run");
    expect(nearest("--xx", flags)).toBeUndefined();
  });

  it("prefers the candidate with the fewest changes", () => {
    expect(nearest("redp", ["read", "redo", "reds"])).toBe("redo");
    expect(nearest("reds", ["redo", "reds"])).toBe("reds");
  });

  it("answers undefined when there are no candidates", () => {
    expect(nearest("up", [])).toBeUndefined();
  });
});
