/** Where words go: data to stdout, everything else to stderr, escapes to nobody. */

export interface OutputOptions {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

/**
 * What a command prints with. Plain lines go through console, which costs almost nothing; consola is loaded
 * only when something is worth a warning or an error: importing it takes four times as long as starting Bun.
 */
export class Output {
  readonly isJson: boolean;
  readonly isQuiet: boolean;

  constructor({ isJson, isQuiet }: OutputOptions) {
    this.isJson = isJson;
    this.isQuiet = isQuiet;
  }

  /** Data for people, on stdout; left out with `--json`. */
  text(text: string): void {
    if (!this.isJson) console.log(printableLines(text));
  }

  /** What a command did, on stdout; nobody needs it who asked for quiet or JSON. */
  outcome(text: string): void {
    if (!this.isQuiet) this.text(text);
  }

  /** Data for programs, on stdout; only with `--json`. */
  json(data: unknown): void {
    if (this.isJson) console.log(renderJson(data));
  }

  /** A remark on what is happening, on stderr. */
  note(text: string): void {
    // Not console.error, which Bun paints red on a terminal.
    if (!this.isQuiet) console.warn(printableLines(text));
  }

  /** Something that the user should look at, on stderr. */
  async warn(text: string): Promise<void> {
    if (this.isQuiet) return;
    (await stderrConsola()).warn(printableLines(text));
  }

  async error(text: string): Promise<void> {
    (await stderrConsola()).error(printableLines(text));
  }
}

/** Left to itself, consola colours what goes to a file as soon as stdout is a terminal or CI is set. */
async function stderrConsola(): Promise<import("consola").ConsolaInstance> {
  const { createConsola } =
    process.stderr.isTTY === true ? await import("consola") : await import("consola/basic");
  return createConsola({ stdout: process.stderr, stderr: process.stderr });
}

/**
 * What can act on a terminal, or hide in it: controls, line and paragraph separators, and whatever is drawn as nothing
 * at all: bidirectional overrides, joiners, tags, fillers, variation selectors. The one that makes an emoji of a sign
 * (U+FE0F) may stay behind a sign that has one.
 */
const HOSTILE =
  /(?!(?<=\p{Extended_Pictographic})\ufe0f)[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu;
const HOSTILE_IN_LINES =
  /(?!(?<=\p{Extended_Pictographic})\ufe0f)(?![\t\n])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu;
/** Nearly all text is this, and need not be looked at twice. */
// oxlint-disable-next-line no-control-regex
const PLAIN = /^[\t\n\u0020-\u007e]*$/;
const PLAIN_LINE = /^[\u0020-\u007e]*$/;

const escaped = (character: string): string =>
  `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/**
 * Makes stored text safe to print: control characters, bidirectional overrides and zero-width characters
 * become visible escapes, so that a project's name can't move the cursor or hide itself.
 */
export function printable(text: string): string {
  return PLAIN_LINE.test(text) ? text : text.replace(HOSTILE, escaped);
}

/** The same for text of several lines; the last gate before a terminal, whatever a command forgot. */
export function printableLines(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replaceAll("\r\n", "\n").replace(HOSTILE_IN_LINES, escaped);
}

/** JSON whose strings can't act on a terminal either: JSON.stringify leaves C1 and bidirectional controls raw. */
export function renderJson(data: unknown): string {
  const text = JSON.stringify(data, null, 2);
  if (PLAIN.test(text)) return text;
  return text.replace(HOSTILE_IN_LINES, (character) =>
    // One beyond U+FFFF is two escapes.
    Array.from({ length: character.length }, (_, at) => unitEscape(character.charCodeAt(at))).join(
      "",
    ),
  );
}

const unitEscape = (unit: number): string => `\\u${unit.toString(16).padStart(4, "0")}`;
