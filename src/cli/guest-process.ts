/** Runs a query in a process of its own: SQLite cannot be stopped from within, so its process is ended instead. */
import type { GuestValue } from "../engine/sqlite/guest-query.ts";
import { InputError, OperationError } from "../errors.ts";
import { GUEST_FLAG } from "./guest-flag.ts";
import { ownProgram } from "./own-program.ts";

export interface GuestResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly GuestValue[])[];
  /** True when there were more rows than asked for. */
  readonly isCut: boolean;
}

export interface GuestRequest {
  readonly path: string;
  readonly sql: string;
  readonly maxRows: number;
  /** Of the whole answer, which is in memory several times over. */
  readonly maxBytes: number;
}

type Line =
  | { readonly columns: readonly string[] }
  | { readonly row: readonly GuestValue[] }
  | { readonly end: { readonly isCut: boolean } }
  | { readonly error: { readonly message: string } };

/**
 * Asks another process and collects its answer.
 * @throws {InputError} QUERY_REFUSED for a text that is not one reading statement.
 * @throws {OperationError} QUERY_TIMEOUT when the time is over; CANCELLED when the signal was aborted.
 */
export async function askGuest(
  request: GuestRequest,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<GuestResult> {
  const child = Bun.spawn([...ownProgram(), GUEST_FLAG], {
    stdin: new Blob([JSON.stringify(request)]),
    stdout: "pipe",
    stderr: "ignore",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    signal,
  });
  const [text] = await Promise.all([child.stdout.text(), child.exited]);
  const lines = text
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line) as Line);
  const last = lines.at(-1);
  if (last !== undefined && "error" in last)
    throw new InputError("QUERY_REFUSED", last.error.message);
  if (last === undefined || !("end" in last)) throw ended(child, signal, timeoutMs);
  return {
    columns: lines.flatMap((line) => ("columns" in line ? line.columns : [])),
    rows: lines.flatMap((line) => ("row" in line ? [line.row] : [])),
    isCut: last.end.isCut,
  };
}

/** The guest's own part: reads the request from stdin, writes one JSON object a line. */
export async function beGuest(): Promise<void> {
  const { path, sql, maxRows, maxBytes } = (await Bun.stdin.json()) as GuestRequest;
  const { runGuestQuery } = await import("../engine/sqlite/guest-query.ts");
  const writer = Bun.stdout.writer();
  let sizeBytes = 0;
  const write = (line: Line): void => {
    const text = `${JSON.stringify(line)}\n`;
    sizeBytes += text.length;
    if (sizeBytes > maxBytes) {
      throw new InputError(
        "QUERY_REFUSED",
        `Cannot run the query: its answer has more than ${maxBytes / 1e6} MB, expected less`,
      );
    }
    void writer.write(text);
  };
  try {
    const isCut = runGuestQuery(path, sql, {
      maxRows,
      onColumns: (columns) => write({ columns }),
      onRow: (row) => write({ row }),
    });
    write({ end: { isCut } });
  } catch (error) {
    sizeBytes = 0;
    write({ error: { message: error instanceof Error ? error.message : String(error) } });
  }
  await writer.end();
}

function ended(child: Bun.Subprocess, signal: AbortSignal, timeoutMs: number): OperationError {
  if (signal.aborted)
    return new OperationError(
      "CANCELLED",
      "Cannot finish the query: it was interrupted, expected an answer",
    );
  if (child.signalCode === "SIGKILL")
    return new OperationError(
      "QUERY_TIMEOUT",
      `Cannot finish the query: it took longer than ${timeoutMs} ms, expected an answer by then`,
      { details: { timeoutMs } },
    );
  return new OperationError(
    "QUERY_TIMEOUT",
    `Cannot finish the query: its process ended with ${child.signalCode ?? child.exitCode}, expected an answer`,
    { details: { exitCode: child.exitCode } },
  );
}
