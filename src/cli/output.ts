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
    if (!this.isJson) console.log(text);
  }

  /** Data for programs, on stdout; only with `--json`. */
  json(data: unknown): void {
    if (this.isJson) console.log(JSON.stringify(data, null, 2));
  }

  /** A remark on what is happening, on stderr. */
  note(text: string): void {
    if (!this.isQuiet) console.error(text);
  }

  /** Something that the user should look at, on stderr. */
  async warn(text: string): Promise<void> {
    if (this.isQuiet) return;
    (await stderrConsola()).warn(text);
  }

  async error(text: string): Promise<void> {
    (await stderrConsola()).error(text);
  }
}

async function stderrConsola(): Promise<import("consola").ConsolaInstance> {
  const { createConsola } = await import("consola");
  return createConsola({ stdout: process.stderr, stderr: process.stderr });
}

/**
 * Makes stored text safe to print: control characters, bidirectional overrides and zero-width characters
 * become visible escapes, so that a project's name can't move the cursor or hide itself.
 */
export function printable(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
