/** What a terminal in raw mode sends, as keys. */

export type Key =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "control"; readonly name: string }
  | {
      readonly type: "named";
      readonly name:
        | "up"
        | "down"
        | "left"
        | "right"
        | "home"
        | "end"
        | "page-up"
        | "page-down"
        | "tab"
        | "back-tab"
        | "enter"
        | "escape";
    }
  /** An answer to a question of ours, without its brackets: `11;rgb:ffff/ffff/ffff`. */
  | { readonly type: "answer"; readonly text: string };

const ESCAPE = "\u001b";
type Named = Extract<Key, { type: "named" }>["name"];

/** The endings of CSI and SS3 sequences. */
const ENDINGS: Readonly<Record<string, Named>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  Z: "back-tab",
  "1~": "home",
  "4~": "end",
  "5~": "page-up",
  "6~": "page-down",
  "7~": "home",
  "8~": "end",
};

/** An answer that never ends is not kept for ever. */
const MAX_SEQUENCE = 256;

/**
 * Reads keys from bytes that may come in any pieces. A sequence that is cut is kept until the rest comes, or until
 * `flush` says that nothing more will: then a lone escape was the key itself.
 */
export class KeyReader {
  #rest = "";
  readonly #decoder = new TextDecoder();

  read(bytes: Uint8Array): Key[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    return this.#take();
  }

  /** True while an escape waits for what may belong to it. */
  get isWaiting(): boolean {
    return this.#rest !== "";
  }

  flush(): Key[] {
    const isEscape = this.#rest.startsWith(ESCAPE);
    const rest = this.#rest.slice(1);
    this.#rest = "";
    // Of a sequence that was cut nothing is typed: its letters are no keys.
    return isEscape && rest === "" ? [{ type: "named", name: "escape" }] : [];
  }

  #take(): Key[] {
    const keys: Key[] = [];
    while (this.#rest !== "") {
      const found = this.#rest.startsWith(ESCAPE) ? this.#sequence() : this.#character();
      if (found === null) break;
      this.#rest = this.#rest.slice(found.length);
      if (found.key !== null) keys.push(found.key);
    }
    return keys;
  }

  #character(): { readonly length: number; readonly key: Key | null } {
    const text = String.fromCodePoint(this.#rest.codePointAt(0) ?? 0);
    const code = text.charCodeAt(0);
    return { length: text.length, key: keyOfCharacter(text, code) };
  }

  /** Null while the sequence is not whole. */
  #sequence(): { readonly length: number; readonly key: Key | null } | null {
    const rest = this.#rest;
    if (rest.length > MAX_SEQUENCE) return { length: rest.length, key: null };
    const kind = rest[1];
    if (kind === undefined) return null;
    if (kind === "]" || kind === "P" || kind === "_" || kind === "^") return this.#answer();
    if (kind === "O") {
      const ending = rest[2];
      return ending === undefined ? null : { length: 3, key: namedKey(ending) };
    }
    if (kind === "[") {
      // oxlint-disable-next-line no-control-regex
      const match = /^\u001b\[([0-?]*)[ -/]*([@-~])/.exec(rest);
      if (match === null) return null;
      const [whole, parameters = "", final = ""] = match;
      const first = parameters.split(";")[0] ?? "";
      return { length: whole.length, key: namedKey(final === "~" ? `${first}~` : final) };
    }
    // A second escape begins anew; Alt and a letter stands for no key of ours.
    return kind === ESCAPE
      ? { length: 1, key: { type: "named", name: "escape" } }
      : { length: 2, key: null };
  }

  #answer(): { readonly length: number; readonly key: Key | null } | null {
    // oxlint-disable-next-line no-control-regex
    const match = /^\u001b[\]P_^]([^\u0007\u001b]*)(\u0007|\u001b\\)/.exec(this.#rest);
    return match === null
      ? null
      : { length: match[0].length, key: { type: "answer", text: match[1] ?? "" } };
  }
}

function keyOfCharacter(text: string, code: number): Key | null {
  if (text === "\t") return { type: "named", name: "tab" };
  if (text === "\r" || text === "\n") return { type: "named", name: "enter" };
  if (code > 0 && code < 27) return { type: "control", name: String.fromCharCode(code + 96) };
  return code < 32 || code === 127 ? null : { type: "text", text };
}

function namedKey(ending: string): Key | null {
  const name = Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined;
  return name === undefined ? null : { type: "named", name };
}
