/** Walking over JSON in bytes without making values of it; in doubt it says so, and the text has to be parsed. */

const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const MAX_DEPTH = 128;

/** What is not plain: the text is no JSON, or has something that only a parser reads. */
export const UNCLEAR = -1;

/** The containers around the position, outermost first. */
const closers = new Uint8Array(MAX_DEPTH);

/** The position of the first byte from `at` on that is no white space. */
export function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const byte = bytes[i] as number;
    if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) break;
    i++;
  }
  return i;
}

/**
 * The position after the string whose content begins at `at`, which is what a parser takes for a string; its
 * content may be of any encoding, escapes are checked.
 */
export function skipString(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  for (;;) {
    // Beyond the bytes there is nothing, which is not plain.
    while (NOT_PLAIN[bytes[i] as number] === 0) i++;
    if (i >= end) return UNCLEAR;
    if (bytes[i] === QUOTE) return i + 1;
    if (bytes[i] !== BACKSLASH) return UNCLEAR;
    i = skipEscape(bytes, i + 1, end);
    if (i === UNCLEAR) return UNCLEAR;
  }
}

/** 1 for the bytes at which a string ends, goes on otherwise, or is none. */
const NOT_PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte < 32 || byte === QUOTE || byte === BACKSLASH),
);

function skipEscape(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return UNCLEAR;
  switch (bytes[at]) {
    // " \ / b f n r t
    case 34:
    case 92:
    case 47:
    case 98:
    case 102:
    case 110:
    case 114:
    case 116:
      return at + 1;
    case 117: {
      if (at + 4 >= end) return UNCLEAR;
      for (let i = at + 1; i <= at + 4; i++) if (!isHexDigit(bytes[i] as number)) return UNCLEAR;
      return at + 5;
    }
    default:
      return UNCLEAR;
  }
}

function isHexDigit(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 70) || (byte >= 97 && byte <= 102);
}

/**
 * The position after the string of plain ASCII without an escape whose content begins at `at`: its bytes are its
 * characters.
 */
export function skipPlainString(bytes: Uint8Array, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) return i + 1;
    if (byte < 32 || byte === BACKSLASH || byte > 126) return UNCLEAR;
  }
  return UNCLEAR;
}

/** The position after the value that begins at `at`. */
export function skipValue(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  let depth = 0;
  for (;;) {
    if (i >= end) return UNCLEAR;
    const byte = bytes[i] as number;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      const closer = byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
      i = skipBlanks(bytes, i + 1, end);
      if (bytes[i] === closer && i < end) i++;
      else {
        if (depth === MAX_DEPTH) return UNCLEAR;
        closers[depth++] = closer;
        if (closer === CLOSE_BRACE) i = skipKey(bytes, i, end);
        if (i === UNCLEAR) return UNCLEAR;
        continue;
      }
    } else {
      i = skipScalar(bytes, i, end);
      if (i === UNCLEAR) return UNCLEAR;
    }
    // A value is over: what follows it belongs to what it stands in.
    for (;;) {
      if (depth === 0) return i;
      i = skipBlanks(bytes, i, end);
      if (i >= end) return UNCLEAR;
      const closer = closers[depth - 1] as number;
      if (bytes[i] === closer) {
        depth--;
        i++;
        continue;
      }
      if (bytes[i] !== COMMA) return UNCLEAR;
      i = skipBlanks(bytes, i + 1, end);
      if (closer === CLOSE_BRACE) i = skipKey(bytes, i, end);
      if (i === UNCLEAR) return UNCLEAR;
      break;
    }
  }
}

/** From a key's opening quote to the value. */
function skipKey(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] !== QUOTE) return UNCLEAR;
  const after = skipString(bytes, at + 1, end);
  return after === UNCLEAR ? UNCLEAR : skipColon(bytes, after, end);
}

/** From the end of a key to its value. */
function skipColon(bytes: Uint8Array, at: number, end: number): number {
  const colon = skipBlanks(bytes, at, end);
  return colon < end && bytes[colon] === COLON ? skipBlanks(bytes, colon + 1, end) : UNCLEAR;
}

function skipScalar(bytes: Uint8Array, at: number, end: number): number {
  const byte = bytes[at] as number;
  if (byte === QUOTE) return skipString(bytes, at + 1, end);
  if (byte === 116) return skipWord(bytes, at, end, TRUE);
  if (byte === 102) return skipWord(bytes, at, end, FALSE);
  if (byte === 110) return skipWord(bytes, at, end, NULL);
  return skipNumber(bytes, at, end);
}

const wordOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const TRUE = wordOf("true");
const FALSE = wordOf("false");
const NULL = wordOf("null");

function skipWord(bytes: Uint8Array, at: number, end: number, word: Uint8Array): number {
  if (at + word.length > end) return UNCLEAR;
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return UNCLEAR;
  return at + word.length;
}

function skipNumber(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  if (bytes[i] === MINUS) i++;
  const whole = skipDigits(bytes, i, end);
  // Nothing follows a leading zero.
  if (whole === i || (bytes[i] === 48 && whole > i + 1)) return UNCLEAR;
  i = whole;
  if (i < end && bytes[i] === 46) {
    const fraction = skipDigits(bytes, i + 1, end);
    if (fraction === i + 1) return UNCLEAR;
    i = fraction;
  }
  if (i < end && (bytes[i] === 101 || bytes[i] === 69)) {
    i++;
    if (i < end && (bytes[i] === 43 || bytes[i] === MINUS)) i++;
    const exponent = skipDigits(bytes, i, end);
    if (exponent === i) return UNCLEAR;
    i = exponent;
  }
  return i;
}

function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && (bytes[i] as number) >= 48 && (bytes[i] as number) <= 57) i++;
  return i;
}

/** Walks over the members of objects. */
export abstract class ObjectWalk {
  protected bytes: Uint8Array = new Uint8Array(0);
  protected end = 0;

  /**
   * A member whose key is plain; returns the position after its value, or UNCLEAR.
   * @param key the key's first byte, `keyEnd` the one after its last, `value` the first of its value.
   */
  protected abstract member(key: number, keyEnd: number, value: number): number;

  protected isKey(key: number, keyEnd: number, name: Uint8Array): boolean {
    if (keyEnd - key !== name.length) return false;
    const { bytes } = this;
    for (let i = 0; i < name.length; i++) if (bytes[key + i] !== name[i]) return false;
    return true;
  }

  /** The position after the object that begins at `at`. */
  walk(bytes: Uint8Array, at: number, end: number): number {
    this.bytes = bytes;
    this.end = end;
    let i = skipBlanks(bytes, at + 1, end);
    if (i < end && bytes[i] === CLOSE_BRACE) return i + 1;
    for (;;) {
      if (i >= end || bytes[i] !== QUOTE) return UNCLEAR;
      const afterKey = skipPlainString(bytes, i + 1, end);
      if (afterKey === UNCLEAR) return UNCLEAR;
      const value = skipColon(bytes, afterKey, end);
      if (value === UNCLEAR || value >= end) return UNCLEAR;
      const after = this.member(i + 1, afterKey - 1, value);
      if (after === UNCLEAR) return UNCLEAR;
      i = skipBlanks(bytes, after, end);
      if (i >= end) return UNCLEAR;
      if (bytes[i] === CLOSE_BRACE) return i + 1;
      if (bytes[i] !== COMMA) return UNCLEAR;
      i = skipBlanks(bytes, i + 1, end);
    }
  }
}
