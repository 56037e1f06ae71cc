/**
 * Edits of JSON as text: what is put in and taken out is all that changes, the rest stays byte for byte. What is put in
 * is written the way its surroundings are: one entry a line where they are, with their indentation, else on the line.
 */

export type JsonPath = readonly (string | number)[];

interface Entry {
  /** The name of an object's member, null in an array. */
  readonly name: string | null;
  /** Where the entry starts: at its name, or at its value. */
  readonly start: number;
  readonly value: Node;
}

interface Node {
  readonly start: number;
  readonly end: number;
  /** Null for a value without any. */
  readonly entries: readonly Entry[] | null;
}

/** Puts a value where the path leads: in the place of the one there, else as the last entry of what holds it. */
export function putValue(text: string, path: JsonPath, value: unknown): string {
  const holder = nodeAt(text, path.slice(0, -1));
  const name = path.at(-1);
  const present = entryOf(holder, name);
  if (present !== undefined) {
    const { start, end } = present.value;
    return splice(text, start, end, written(value, text, present.start));
  }
  const entries = holder.entries ?? [];
  const key = typeof name === "string" ? `${JSON.stringify(name)}: ` : "";
  const last = entries.at(-1);
  if (last !== undefined) {
    const gap = gapBefore(text, last.start);
    const entry = `,${gap === "" ? " " : gap}${key}${written(value, text, last.start)}`;
    return splice(text, last.value.end, last.value.end, entry);
  }
  const [open, close] = [text[holder.start], text[holder.end - 1]];
  const outer = indentOfLine(text, holder.start);
  const inner = outer + unitOf(text);
  const entry = `${key}${indented(JSON.stringify(value, null, unitOf(text)), inner, eolOf(text))}`;
  const eol = eolOf(text);
  const whole = `${open}${eol}${inner}${entry}${eol}${outer}${close}`;
  return splice(text, holder.start, holder.end, whole);
}

/** Takes the value away to which the path leads, with its name and one comma. */
export function removeValue(text: string, path: JsonPath): string {
  const holder = nodeAt(text, path.slice(0, -1));
  const entries = holder.entries ?? [];
  const at = entries.findIndex((entry) => entry === entryOf(holder, path.at(-1)));
  const [before, entry, after] = [entries[at - 1], entries[at], entries[at + 1]];
  if (entry === undefined) return text;
  if (before !== undefined) return splice(text, before.value.end, entry.value.end, "");
  if (after !== undefined) return splice(text, entry.start, after.start, "");
  return splice(text, holder.start + 1, holder.end - 1, "");
}

function nodeAt(text: string, path: JsonPath): Node {
  let node = readNode(text, 0);
  for (const name of path) {
    const entry = entryOf(node, name);
    if (entry === undefined) throw new RangeError(`There is nothing at ${JSON.stringify(path)}`);
    node = entry.value;
  }
  return node;
}

/** Of a name that stands twice, the last one: so JSON.parse reads it. */
function entryOf(node: Node, name: string | number | undefined): Entry | undefined {
  return typeof name === "number"
    ? node.entries?.[name]
    : node.entries?.findLast((entry) => entry.name === name);
}

/** A string, or whatever else stands between the marks of JSON. */
const SCALAR = /"(?:[^"\\]|\\.)*"|[^\s,\]}]+/sy;
const SPACE = /\s*/y;

/** Reads the value that begins at an offset, or after the space there; the text is known to be JSON. */
function readNode(text: string, offset: number): Node {
  const start = skipSpace(text, offset);
  const mark = text[start];
  if (mark !== "{" && mark !== "[") return { start, end: endOfScalar(text, start), entries: null };
  const entries: Entry[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== "}" && text[at] !== "]") {
    const entryStart = at;
    let name: string | null = null;
    if (mark === "{") {
      const end = endOfScalar(text, at);
      name = JSON.parse(text.slice(at, end)) as string;
      at = skipSpace(text, end) + 1;
    }
    const value = readNode(text, at);
    entries.push({ name, start: entryStart, value });
    at = skipSpace(text, value.end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return { start, end: at + 1, entries };
}

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

function endOfScalar(text: string, at: number): number {
  SCALAR.lastIndex = at;
  SCALAR.test(text);
  return SCALAR.lastIndex;
}

function splice(text: string, start: number, end: number, by: string): string {
  return text.slice(0, start) + by + text.slice(end);
}

/** A value as its neighbour is written: over several lines when that one begins a line, else on one. */
function written(value: unknown, text: string, neighbour: number): string {
  const gap = gapBefore(text, neighbour);
  return gap.includes("\n")
    ? indented(
        JSON.stringify(value, null, unitOf(text)),
        gap.slice(gap.lastIndexOf("\n") + 1),
        eolOf(text),
      )
    : JSON.stringify(value);
}

function indented(json: string, indent: string, eol: string): string {
  return json.replaceAll("\n", `${eol}${indent}`);
}

/** The space before an offset: a line's end and indentation when it begins a line. */
function gapBefore(text: string, at: number): string {
  return /\s*$/.exec(text.slice(0, at))?.[0] ?? "";
}

function indentOfLine(text: string, at: number): string {
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  return /^[ \t]*/.exec(text.slice(lineStart, at))?.[0] ?? "";
}

/** One step of the file's own indentation. */
function unitOf(text: string): string {
  return /^([ \t]+)"/m.exec(text)?.[1] ?? "  ";
}

function eolOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}
