import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { titlesIn } from "./support/";
import { cellsOf, PAGE_FILE, readResults, withTable } from "./faults/results.ts";
import { ROWS } from "./faults/rows.ts";

const PAGE = readFileSync(PAGE_FILE, "utf8");

describe("docs/RELIABILITY.md", () => {
  it("cites tests that are there", () => {
    const cited = [...PAGE.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+\.test\.ts)\)/g)];
    expect(cited.length).toBeGreaterThan(ROWS.length);
    const missing = cited
      .map(([, title = "", path = ""]) => ({ title, path }))
      .filter(({ title, path }) => !existsSync(path) || !titlesIn(path).has(title));
    expect(missing).toEqual([]);
  });

  it("names the command of every row of the suite", () => {
    const missing = ROWS.filter(({ name }) => !PAGE.includes(`bun run faults ${name}\``));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it("tells of what ran what the recorded results say", () => {
    expect(cellsOf(PAGE)).toEqual(cellsOf(withTable(PAGE, readResults())));
  });
});
