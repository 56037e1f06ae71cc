/**
 * Every error usagedb throws, as data: a code from a frozen catalogue, typed details, a hint.
 *
 * Presentation is elsewhere (src/cli); docs/ERRORS.md lists the catalogue for readers.
 */
import type { ErrorAudience, ErrorCatalogue, ErrorCode, ExitCode } from "./error-catalogue.ts";

export type { ErrorAudience, ErrorCode, ExitCode };

/** The catalogue is loaded by the first error: every start would pay for it, and most starts have none. */
export function errorCatalogue(): ErrorCatalogue {
  return (require("./error-catalogue.ts") as typeof import("./error-catalogue.ts")).ERROR_CATALOGUE;
}

/** Where in a migration something stands; `line` and `column` start at 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The source line itself, without its line end. */
  readonly sourceLine: string;
}

/** JSON-safe facts behind an error; keys depend on the code and are documented in docs/ERRORS.md. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface ErrorInit {
  readonly details?: ErrorDetails;
  /** Replaces the catalogue's fix where a better one is known. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The base of every error usagedb throws on purpose.
 *
 * `message` holds no bound values and no secrets; `hint` is one imperative sentence.
 */
export class UsageDbError extends Error {
  override readonly name: string = "UsageDbError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, init: ErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.details = init.details ?? {};
    this.hint = init.hint ?? errorCatalogue()[code].fix;
  }

  get audience(): ErrorAudience {
    return errorCatalogue()[this.code].audience;
  }

  get exitCode(): ExitCode {
    return errorCatalogue()[this.code].exitCode;
  }

  /** The same error with more facts, for a layer that knows what the one below could not. */
  withDetails(more: ErrorDetails): this {
    const Same = this.constructor as new (
      code: ErrorCode,
      message: string,
      init: ErrorInit,
    ) => this;
    return new Same(this.code, this.message, {
      details: { ...this.details, ...more },
      hint: this.hint,
      cause: this.cause,
    });
  }

  toJSON(): {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint: string;
    readonly details: ErrorDetails;
  } {
    return { code: this.code, message: this.message, hint: this.hint, details: this.details };
  }
}

/** The program that calls usagedb passed something it may not. */
export class InputError extends UsageDbError {
  override readonly name = "InputError" as const;
}

/** The author of a migration must act: a file, a plan or a statement is wrong. */
export class MigrationError extends UsageDbError {
  override readonly name = "MigrationError" as const;
}

/** The operator must act: the file, the disk, the clock or another process is in the way. */
export class OperationError extends UsageDbError {
  override readonly name = "OperationError" as const;
}

/**
 * Throws `VALUE_INVALID` for a field, in the one wording that all border checks share.
 * @throws {InputError} VALUE_INVALID always.
 */
export function refuseValue(field: string, observed: string, expected: string): never {
  throw new InputError(
    "VALUE_INVALID",
    `Cannot use ${field}: it is ${observed}, expected ${expected}`,
    {
      details: { field, observed, expected },
      hint: `Pass ${expected} for ${field}.`,
    },
  );
}

/**
 * Refuses what is no object, and keys that a call does not know: a misspelt one must not silently be a default.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 */
export function checkKeys(call: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuseValue(`the argument of ${call}`, describeKind(value), "an object");
  }
  for (const key in value) {
    if (known.includes(key)) continue;
    throw new InputError(
      "OPTION_UNKNOWN",
      `Cannot call ${call}: ${JSON.stringify(key)} is not known to it, expected ${known.join(", ")}`,
      { details: { call, option: key, known } },
    );
  }
}

/** Names a value's kind without showing it: values may be private. */
export function describeKind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  switch (typeof value) {
    case "undefined":
      return "undefined";
    case "string":
      return value === "" ? "an empty string" : "a string";
    case "number":
      return "a number";
    case "boolean":
      return "a boolean";
    case "object":
      return "an object";
    default:
      return `a ${typeof value}`;
  }
}
