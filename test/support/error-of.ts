/** The typed error that a piece of work ends with; anything else fails the test. */
import { UsageDbError } from "../../src/errors.ts";

export function errorOf(work: () => unknown): UsageDbError {
  let result: unknown;
  try {
    result = work();
  } catch (error) {
    if (error instanceof UsageDbError) return error;
    throw new Error("Expected a UsageDbError, another error was thrown", { cause: error });
  }
  throw new Error(`Expected a UsageDbError, got ${JSON.stringify(result) ?? String(result)}`);
}

export async function errorOfAsync(work: Promise<unknown>): Promise<UsageDbError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof UsageDbError) return error;
    throw new Error("Expected a UsageDbError, another error was thrown", { cause: error });
  }
  throw new Error("Expected a UsageDbError, nothing was thrown");
}

/** Only the code, for tables of refusals. */
export function codeOf(work: () => unknown): string {
  return errorOf(work).code;
}
