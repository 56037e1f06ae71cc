import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { citedTestsIn, problemOfCited } from "./support/cited-tests.ts";
import { cellsOf, PAGE_FILE, readResults, withTable } from "./faults/results.ts";
import { ROWS } from "./faults/rows.ts";

const PAGE = readFileSync(PAGE_FILE, "utf8");

describe("docs/RELIABILITY.md", () => {
  it("cites tests that are there", () => {
    const cited = citedTestsIn(PAGE).filter(({ path }) => path.endsWith(".test.ts"));
    expect(cited.length).toBeGreaterThan(ROWS.length);
    expect(cited.map(problemOfCited).filter((problem) => problem !== null)).toEqual([]);
  });

  it("names the command of every row of the suite", () => {
    const missing = ROWS.filter(({ name }) => !PAGE.includes(`bun run faults ${name}\``));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it("tells of what ran what the recorded results say", () => {
    expect(cellsOf(PAGE)).toEqual(cellsOf(withTable(PAGE, readResults())));
  });
});
