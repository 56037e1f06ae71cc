import { type CitedTest, citedTestsIn, problemOfCited } from "./cited-tests.ts";

/** The ten tools, in the order of the page's columns. */
const TOOLS = [
  "Atlas",
  "Flyway",
  "Prisma",
  "goose",
  "dbmate",
  "golang-migrate",
  "sqlx",
  "drizzle",
  "kysely",
  "GRDB",
];

/** What a cell may say, and the word that begins its tools in the notes below the table. */
const MARKS = new Map([
  ["yes", "Yes"],
  ["paid", "Paid"],
  ["part", "In part"],
  ["no", "No"],
  ["–", "Not found"],
]);
const OWN_MARKS = ["yes", "part", "not yet"];

interface Note {
  readonly name: string;
  readonly proofs: readonly CitedTest[];
  /** One entry a mention of a tool: the word that its sentence begins with, and its source. */
  readonly mentions: readonly { readonly tool: string; readonly word: string }[];
}

const cellsOf = (line: string): string[] =>
  line
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());

/** The lines of every table that compares, heads and rules left out, with the heads beside them. */
function tablesOf(page: string): { readonly head: string[]; readonly rows: string[][] }[] {
  return [...page.matchAll(/^\|.*\n(?:\|.*\n)+/gm)]
    .map(([table]) => table.trimEnd().split("\n").map(cellsOf))
    .map(([head = [], , ...rows]) => ({ head, rows }))
    .filter(({ head }) => head[1] === "usagedb" && head[2] === "Atlas");
}

/** Reads a note: a list item with a bold name, then sentences parted by hard breaks. */
function noteOf(item: string): Note {
  const [name = "", ...sentences] = item.replace(/\n\s*/g, " ").split("\\ ");
  return {
    name: name.replace(/^- \*\*|\*\*$/g, ""),
    proofs: citedTestsIn(item),
    mentions: sentences.flatMap((sentence) => {
      const word = /^([A-Z][a-z ]+): /.exec(sentence)?.[1] ?? "";
      return [...sentence.matchAll(/\[([\w-]+)\]\[[\w-]+\]/g)]
        .map(([, tool = ""]) => ({ tool, word }))
        .filter(({ tool }) => TOOLS.includes(tool));
    }),
  };
}

function problemsOfRow(cells: readonly string[], note: Note | undefined): string[] {
  const [name = "", own = "", ...others] = cells;
  if (others.length !== TOOLS.length || cells.includes(""))
    return [
      `"${name}" has ${cells.filter((cell) => cell !== "").length} cells of ${TOOLS.length + 2}`,
    ];
  if (note === undefined) return [`"${name}" has no notes`];
  const problems: string[] = [];
  if (!OWN_MARKS.includes(own)) problems.push(`"${name}" says "${own}" of usagedb`);
  if ((own === "not yet") !== (note.proofs.length === 0))
    problems.push(`"${name}" says "${own}" with ${note.proofs.length} proofs`);
  for (const proof of note.proofs) {
    const problem = problemOfCited(proof);
    if (problem !== null) problems.push(`"${name}" is proved by ${problem}`);
  }
  for (const [index, tool] of TOOLS.entries()) {
    const word = MARKS.get(others[index] ?? "");
    const words = note.mentions.filter((mention) => mention.tool === tool).map((m) => m.word);
    if (word === undefined) problems.push(`"${name}" says "${others[index]}" of ${tool}`);
    else if (words.length !== 1 || words[0] !== word)
      problems.push(
        `"${name}" says "${others[index]}" of ${tool}, and its notes "${words.join()}"`,
      );
  }
  return problems;
}

/**
 * Names what is wrong with a page of comparison: rows without a cell, cells that their notes contradict, cells of ours
 * whose tests are not there, names without a source.
 */
export function problemsOf(page: string): string[] {
  const tables = tablesOf(page);
  const notes = new Map(
    [...page.matchAll(/^- \*\*[^*]+\*\*\\\n(?: {2}.*\n)+/gm)]
      .map(([item]) => noteOf(item))
      .map((note) => [note.name, note]),
  );
  const rows = tables.flatMap((table) => table.rows);
  const names = rows.map(([name = ""]) => name);
  const sources = new Set([...page.matchAll(/^\[([\w-]+)\]: \S+$/gm)].map(([, key]) => key ?? ""));
  const asked = [...page.matchAll(/\]\[([\w-]+)\]/g)].map(([, key]) => key ?? "");
  return [
    ...(rows.length === 0 ? ["no row is compared"] : []),
    ...tables
      .filter(({ head }) => head.join() !== ["", "usagedb", ...TOOLS].join())
      .map(({ head }) => `a table has the columns ${head.join()}`),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((n) => `"${n}" stands twice`),
    ...rows.flatMap((cells) => problemsOfRow(cells, notes.get(cells[0] ?? ""))),
    ...[...notes.keys()].filter((name) => !names.includes(name)).map((n) => `"${n}" has no row`),
    ...asked.filter((key) => !sources.has(key)).map((key) => `the source ${key} is not given`),
    ...[...sources].filter((key) => !asked.includes(key)).map((key) => `nothing refers to ${key}`),
  ];
}
