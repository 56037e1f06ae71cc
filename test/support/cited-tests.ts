/** Tests that a page names as its proofs: a link to the file, with the title of the test. */
import { existsSync, readFileSync } from "node:fs";

export interface CitedTest {
  readonly path: string;
  readonly title: string;
}

/** The links of a text to tests: `[title](../test/file.test.ts)`. */
export function citedTestsIn(text: string): CitedTest[] {
  const links = text
    .replace(/\n\s*/g, " ")
    .matchAll(/\[((?:\\.|[^\]])+)\]\(\.\.\/(test\/[^)]+)\)/g);
  return [...links].map(([, title = "", path = ""]) => ({
    title: title.replace(/\\([^\w\s])/g, "$1"),
    path,
  }));
}

/** What is wrong with it; null for a test that is there. */
export function problemOfCited({ path, title }: CitedTest): string | null {
  if (!existsSync(path)) return `${path}, which is not there`;
  return titlesIn(path).has(title) ? null : `"${title}", which is not in ${path}`;
}

/** The titles of the tests in a file as they stand in its text; those that are skipped left out. */
function titlesIn(path: string): Set<string> {
  const text = readFileSync(path, "utf8");
  const calls = text.matchAll(
    /^[ \t]*it(?:\.each[\s\S]*?\))?\(\s*(?:(?<quote>["'`])(?<literal>.*?)\k<quote>|(?<name>\w+)),/gm,
  );
  return new Set(
    [...calls].map(({ groups: { literal, name } = {} }) =>
      name === undefined
        ? (literal ?? "")
        : (new RegExp(`const ${name} = (["'\`])(.*?)\\1;`).exec(text)?.[2] ?? ""),
    ),
  );
}
