import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { problemsOf } from "./support/comparison-page.ts";

const PAGE = readFileSync("docs/COMPARISON.md", "utf8");

/** A row and its notes, sound as they stand. */
const ROW = "| Opens a file | yes | yes | – | – | – | – | – | – | – | – | – |";
const PROOF = "[opens](../test/comparison.test.ts)";
const OTHERS = "Flyway Prisma goose dbmate golang-migrate sqlx drizzle kysely GRDB".split(" ");
const SMALL = `
|   | usagedb | Atlas | ${OTHERS.join(" | ")} |
| - | ------- | ----- | ${OTHERS.map(() => "-").join(" | ")} |
${ROW}

- **Opens a file**\\
  Proved by ${PROOF}.\\
  Yes: [Atlas][there] (its [own][there] way).\\
  Not found: ${OTHERS.map((tool) => `[${tool}][there]`).join(",\n  ")}.

[there]: https://example.org/
`.replace("[opens]", "[has nothing wrong]");

describe("docs/COMPARISON.md", () => {
  it("has nothing wrong", () => {
    expect(problemsOf(PAGE)).toEqual([]);
  });
});

describe("problemsOf()", () => {
  it("finds nothing in a page that is sound", () => {
    expect(problemsOf(SMALL)).toEqual([]);
  });

  it.each([
    [
      "a test that is not there",
      "test/comparison.test.ts",
      "test/gone.test.ts",
      "which is not there",
    ],
    [
      "a title that is not there",
      "has nothing wrong",
      "has something",
      "which is not in test/comp",
    ],
    [
      "a cell of ours without a test",
      `Proved by ${PROOF.replace("opens", "has nothing wrong")}.`,
      "It is.",
      "with 0 proofs",
    ],
    ["a proof of what is not there yet", "file | yes |", "file | not yet |", "with 1 proofs"],
    ["a row that lacks a cell", `${ROW}`, ROW.replace(" – |", ""), "11 cells of 12"],
    ["a cell that is empty", "file | yes | yes |", "file | yes |  |", "11 cells of 12"],
    [
      "a word that no cell may say",
      "file | yes | yes |",
      "file | yes | maybe |",
      '"maybe" of Atlas',
    ],
    ["a note that says another thing", "Yes: [Atlas]", "No: [Atlas]", 'and its notes "No"'],
    ["a tool without a note", "[goose][there],", "goose,", '"–" of goose'],
    ["a row without notes", "- **Opens", "- **Closes", "has no notes"],
    ["notes without a row", "| Opens", "| Closes", "has no row"],
    ["a source that is not given", "[Atlas][there]", "[Atlas][here]", "the source here"],
    [
      "a source that nothing needs",
      "[there]: h",
      "[spare]: https://example.org/\n[there]: h",
      "to spare",
    ],
    ["a tool that has no column", "| sqlx |", "| sqly |", "has the columns"],
    ["a row that stands twice", ROW, `${ROW}\n${ROW}`, "stands twice"],
    ["a page without a row", ROW, "", "no row"],
  ])("names %s", (_, sound, broken, problem) => {
    expect(SMALL).toContain(sound);
    expect(problemsOf(SMALL.replace(sound, broken)).join("\n")).toContain(problem);
  });
});
