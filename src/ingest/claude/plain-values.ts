/** Values that a line of Claude Code has where it matters, as they stand in its bytes. */
import { MAX_TOKENS } from "../json-fields.ts";
import { skipPlainString, UNCLEAR } from "../json-skim.ts";

const QUOTE = 34;
const ZERO = 48;
const NINE = 57;
/** Ten billion has eleven digits. */
const MAX_DIGITS = 11;

/** A string: where its content stands. */
export class PlainText {
  start = 0;
  end = 0;

  get isThere(): boolean {
    return this.end > 0;
  }

  clear(): void {
    this.start = 0;
    this.end = 0;
  }

  /**
   * Takes the value at `at`, in the place of one that was taken before, as a parser does; returns the position after
   * it, or UNCLEAR for what is no plain string.
   */
  take(bytes: Uint8Array, at: number, end: number): number {
    if (bytes[at] !== QUOTE) return UNCLEAR;
    const after = skipPlainString(bytes, at + 1, end);
    if (after === UNCLEAR || after === at + 2) return UNCLEAR;
    this.start = at + 1;
    this.end = after - 1;
    return after;
  }
}

/** A count of tokens, 0 while there is none. */
export class PlainCount {
  value = 0;
  isThere = false;

  clear(): void {
    this.value = 0;
    this.isThere = false;
  }

  /** As `PlainText.take`, of digits; what follows them is for the caller to like. */
  take(bytes: Uint8Array, at: number, end: number): number {
    let i = at;
    let value = 0;
    while (i < end) {
      const digit = (bytes[i] as number) - ZERO;
      if (digit < 0 || digit > NINE - ZERO) break;
      value = value * 10 + digit;
      i++;
    }
    const length = i - at;
    const isPlain = length > 0 && length <= MAX_DIGITS && (length === 1 || bytes[at] !== ZERO);
    if (!isPlain || value > MAX_TOKENS) return UNCLEAR;
    this.value = value;
    this.isThere = true;
    return i;
  }
}

/** Makes a string of a text's bytes, or gives the last one again when it says the same, as it mostly does. */
export class LastText {
  #text = "";

  of(bytes: Buffer, { start, end }: PlainText): string {
    const text = this.#text;
    if (text.length === end - start) {
      let i = start;
      while (i < end && bytes[i] === text.charCodeAt(i - start)) i++;
      if (i === end) return text;
    }
    this.#text = bytes.toString("latin1", start, end);
    return this.#text;
  }
}
