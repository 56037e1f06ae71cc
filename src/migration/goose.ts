/** goose's annotations: its words for sections, and for how a file wants to be run. */

/** What one annotation says; `unknown` is a word that goose does not have. */
export type GooseAnnotation =
  | "up"
  | "down"
  | "statement-begin"
  | "statement-end"
  | "no-transaction"
  | "envsub-on"
  | "envsub-off"
  | "unknown";

const ANNOTATION = /^--[ \t]*\+goose\b[ \t]*(.*?)[ \t\r]*$/i;

/** Its words in lower case; goose does not mind their case. */
const WORDS: Readonly<Record<string, GooseAnnotation>> = {
  up: "up",
  down: "down",
  statementbegin: "statement-begin",
  statementend: "statement-end",
  "no transaction": "no-transaction",
  "envsub on": "envsub-on",
  "envsub off": "envsub-off",
};

/** Reads a comment; null when it is no annotation of goose's. */
export function gooseAnnotation(comment: string): GooseAnnotation | null {
  const words = ANNOTATION.exec(comment)?.[1];
  if (words === undefined) return null;
  return WORDS[words.toLowerCase().replace(/\s+/g, " ")] ?? "unknown";
}

/** Follows the annotations of one file; each call returns what is wrong with it, or null. */
export class GooseReader {
  #isInSection = false;
  #openStatement: number | null = null;

  /** Offset of a StatementBegin that was never ended. */
  get openStatement(): number | null {
    return this.#openStatement;
  }

  take(annotation: GooseAnnotation, offset: number): string | null {
    switch (annotation) {
      case "up":
      case "down":
        this.#isInSection = true;
        return this.#openStatement === null ? null : "a statement is begun and not ended before it";
      case "statement-begin":
        if (!this.#isInSection) return "a statement is begun before any `-- +goose Up`";
        if (this.#openStatement !== null) return "a statement is begun inside another";
        this.#openStatement = offset;
        return null;
      case "statement-end": {
        const isOpen = this.#openStatement !== null;
        this.#openStatement = null;
        return isOpen ? null : "a statement is ended that was not begun";
      }
      case "envsub-on":
        return "it asks for the values of environment variables inside the SQL, which differ from machine to machine (`ENVSUB ON`)";
      case "unknown":
        return "the annotation is not one of goose's";
      case "no-transaction":
      case "envsub-off":
        return null;
    }
  }
}
