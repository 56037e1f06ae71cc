/** Long reads beside the program: counting and summing a large table takes longer than an event loop may wait. */
import type { Connection } from "../connection.ts";
import { DEFAULT_BUSY_TIMEOUT_MS, IN_MEMORY } from "../open.ts";
import { SideProcess, type SideStatement } from "./side-process.ts";

export type SideRow = readonly (string | number | null)[];

/**
 * Reads in a process of its own, on a connection that cannot write; the rows of each statement. A database in memory
 * is nobody else's, so it is read here.
 * @throws {OperationError} CANCELLED, SIDE_PROCESS_FAILED; SQLite's errors as they are.
 */
export async function readAside(
  connection: Connection,
  statements: readonly SideStatement[],
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly (readonly SideRow[])[]> {
  if (connection.path === IN_MEMORY)
    return statements.map(
      ({ sql, values = [] }) => connection.readOnce(sql, ...values) as (string | number | null)[][],
    );
  await using side = new SideProcess(signal);
  return await side.ask("sql", {
    path: connection.path,
    isReader: true,
    busyTimeoutMs: DEFAULT_BUSY_TIMEOUT_MS,
    statements,
  });
}
