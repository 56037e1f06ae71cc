/** A URL where a database's path belongs: it may hold a password, so that nothing of it is ever shown or made. */
import { InputError } from "../../errors.ts";

/**
 * Lets a path pass.
 * @throws {InputError} DATABASE_PATH_INVALID for `scheme://…`, naming the scheme alone.
 */
export function refuseUrl(path: string): string {
  const scheme = /^([A-Za-z][\w+.-]*):\/\//.exec(path)?.[1]?.toLowerCase();
  if (scheme === undefined) return path;
  const observed = `it is a URL (${scheme}:)`;
  throw new InputError(
    "DATABASE_PATH_INVALID",
    `Cannot open the database: ${observed}, expected a regular file or :memory:`,
    { details: { path: "", observed } },
  );
}
