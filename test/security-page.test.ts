import { describe, expect, it } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { citedTestsIn, problemOfCited } from "./support/cited-tests.ts";

const PAGE = readFileSync("docs/SECURITY.md", "utf8");

/** What is wrong with the rows of the table of risks. */
function problemsOf(page: string): string[] {
  const [, table = ""] = /^## Risks.*\n\n((?:\|.*\n)+)/m.exec(page) ?? [];
  const rows = table.trim().split("\n").slice(2);
  if (rows.length === 0) return ["there is no risk"];
  return rows.flatMap((row) => {
    const [risk = "", control = "", test = "", ...more] = row.slice(1, -1).split("|");
    const name = risk.trim();
    const cited = citedTestsIn(test);
    const links = [...control.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
    return [
      ...(more.length > 0 || control.trim() === "" ? [`"${name}" has not three cells`] : []),
      ...(cited.length === 0 ? [`"${name}" has no test`] : []),
      ...links.filter((link) => !existsSync(join("docs", link))).map((link) => `no ${link}`),
      ...cited.flatMap((proof) => problemOfCited(proof) ?? []),
    ];
  });
}

describe("docs/SECURITY.md", () => {
  it("names a control and a test for each risk, and both are there", () => {
    expect(problemsOf(PAGE)).toEqual([]);
  });

  it.each([
    ["a test that is gone", "has no say in a compiled program]", "has a say]", "which is not in"],
    [
      "a file that is gone",
      "../test/cli/csv.test.ts",
      "../test/cli/gone.test.ts",
      "which is not there",
    ],
    ["a control that is gone", "../src/cli/csv.ts", "../src/cli/gone.ts", "no ../src/cli/gone.ts"],
    ["a page without risks", "## Risks", "## Wishes", "no risk"],
  ])("would say so of %s", (_, sound, broken, problem) => {
    expect(PAGE).toContain(sound);
    expect(problemsOf(PAGE.replace(sound, broken)).join("\n")).toContain(problem);
  });

  it("says what is not covered", () => {
    expect(PAGE).toMatch(/^## What is not covered\n\n(?:- \*\*.+(?:\n {2}.+)*\n){5,}/m);
  });
});
