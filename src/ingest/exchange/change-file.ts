/**
 * The file in which one database tells another what it knows: zstd-compressed JSON lines. The first says what it is,
 * the last how many lines of each kind there are and the SHA-256 of everything before it; a file that was cut, or
 * changed on the way, is refused before anything of it is believed.
 */
import {
  closeSync,
  createReadStream,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { createZstdDecompress } from "node:zlib";
import { InputError, OperationError } from "../../errors.ts";
import { FORMAT, refuseOtherFile } from "./change-target.ts";
import type { EventRow, MessageRow, SessionRow } from "./rows.ts";

const VERSION = 1;
/** Lines are compressed in frames of about this size: little memory, and hardly a worse ratio. */
const FRAME_BYTES = 1 << 20;
/** Far more than an event takes; a few kilobytes of zstd may expand to anything. */
const MAX_LINE_BYTES = 256 << 20;
const LINE_FEED = 10;

export interface ChangeHeader {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  /** The machine that wrote it. */
  readonly host: string;
  /** Epoch milliseconds. */
  readonly exportedAt: number;
  /** Only what is not older; epoch milliseconds, 0 for everything. */
  readonly sinceMs: number;
  /** What that machine has as sums only; missing where an earlier version wrote the file. */
  readonly folded?: FoldedCounts;
}

/** Messages and events that are no rows any more: no sum says which of them another database has already. */
export interface FoldedCounts {
  readonly messages: number;
  readonly events: number;
}

export type ChangeRow =
  | { readonly session: SessionRow }
  | { readonly message: MessageRow }
  | { readonly event: EventRow };

export interface ChangeCounts {
  readonly sessions: number;
  readonly messages: number;
  readonly events: number;
}

interface Trailer {
  readonly end: ChangeCounts;
  readonly sha256: string;
}

/** Writes a change file: under another name first, flushed, and only then given its own. */
export class ChangeFileWriter implements Disposable {
  readonly #path: string;
  readonly #draft: string;
  readonly #descriptor: number;
  readonly #hasher = new Bun.CryptoHasher("sha256");
  readonly #counts = { sessions: 0, messages: 0, events: 0 };
  #lines: string[] = [];
  #size = 0;
  #isOpen = true;

  /** @throws {InputError} CHANGE_FILE_INVALID when the target cannot be made, or is there and is something else. */
  constructor(path: string, header: Omit<ChangeHeader, "format" | "version">) {
    this.#path = resolve(path);
    refuseOtherFile(this.#path);
    this.#draft = join(
      dirname(this.#path),
      `.${basename(this.#path)}.${crypto.randomUUID()}.partial`,
    );
    try {
      // Private, and never through a planted link.
      this.#descriptor = openSync(this.#draft, "wx", 0o600);
    } catch (cause) {
      throw refuse(this.#path, codeOf(cause), "a folder that exists and may be written", cause);
    }
    this.#write({ format: FORMAT, version: VERSION, ...header });
  }

  add(row: ChangeRow): void {
    if ("session" in row) this.#counts.sessions++;
    else if ("message" in row) this.#counts.messages++;
    else this.#counts.events++;
    this.#write(row);
  }

  /** Ends the file and gives it its name, in the place of one that was there. */
  finish(): ChangeCounts {
    this.#flush();
    const trailer: Trailer = { end: this.#counts, sha256: this.#hasher.digest("hex") };
    this.#compress(`${JSON.stringify(trailer)}\n`);
    fsyncSync(this.#descriptor);
    this.#close();
    renameSync(this.#draft, this.#path);
    return { ...this.#counts };
  }

  /** Leaves nothing behind when it was not finished. */
  [Symbol.dispose](): void {
    this.#close();
    rmSync(this.#draft, { force: true });
  }

  #close(): void {
    if (this.#isOpen) closeSync(this.#descriptor);
    this.#isOpen = false;
  }

  #write(value: object): void {
    const line = `${JSON.stringify(value)}\n`;
    this.#lines.push(line);
    this.#size += line.length;
    if (this.#size >= FRAME_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const text = this.#lines.join("");
    this.#hasher.update(text);
    this.#compress(text);
    this.#lines = [];
    this.#size = 0;
  }

  /** Frames one after the other are one stream. */
  #compress(text: string): void {
    const frame = Bun.zstdCompressSync(Buffer.from(text));
    try {
      for (let at = 0; at < frame.length;)
        at += writeSync(this.#descriptor, frame, at, frame.length - at);
    } catch (cause) {
      const code = codeOf(cause) === "ENOSPC" ? "DATABASE_FULL" : "DATABASE_IO";
      throw new OperationError(code, `Cannot write ${this.#path}: ${codeOf(cause)}`, {
        details: { path: this.#path },
        cause,
      });
    }
  }
}

/**
 * Reads a change file to its end and proves it whole; nothing of it may be used before.
 * @throws {InputError} CHANGE_FILE_INVALID.
 */
export async function checkChangeFile(
  path: string,
): Promise<{ readonly header: ChangeHeader; readonly counts: ChangeCounts }> {
  const hasher = new Bun.CryptoHasher("sha256");
  const counts = { sessions: 0, messages: 0, events: 0 };
  let header: ChangeHeader | null = null;
  let trailer: Trailer | null = null;
  for await (const line of linesOf(path)) {
    if (trailer !== null) throw refuse(path, "it goes on behind its end", "a whole change file");
    const value = parse(path, line);
    if (header === null) header = checkHeader(path, value);
    else if (isRecord(value["session"])) counts.sessions++;
    else if (isMessage(value["message"])) counts.messages++;
    else if (isRecord(value["event"])) counts.events++;
    else if ("end" in value) trailer = value as unknown as Trailer;
    else throw refuse(path, "it has a line of an unknown kind", "a file of this version");
    if (trailer === null) hasher.update(`${line}\n`);
  }
  if (header === null || trailer === null) throw refuse(path, "its end is missing", "a whole file");
  if (hasher.digest("hex") !== trailer.sha256 || !isSame(counts, trailer.end))
    throw refuse(path, "its content is not what its end says", "a file as it was written");
  return { header, counts };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is looked at before the store checks the rest, as it does for every row. */
function isMessage(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { agent, model, timestamp } = value;
  return typeof agent === "string" && typeof model === "string" && Number.isSafeInteger(timestamp);
}

/** The rows of a file that was checked. */
export async function* readChanges(path: string): AsyncGenerator<ChangeRow> {
  for await (const line of linesOf(path)) {
    const value = parse(path, line);
    if (!("format" in value) && !("end" in value)) yield value as unknown as ChangeRow;
  }
}

/**
 * The lines of a file, expanded piece by piece. Ended by a line feed alone: what people wrote may have every other
 * character that ends a line somewhere.
 */
async function* linesOf(path: string): AsyncGenerator<string> {
  try {
    const input = createReadStream(path).on("error", (error) => stream.destroy(error));
    const stream = createZstdDecompress();
    let rest: Buffer[] = [];
    let restBytes = 0;
    for await (const chunk of input.pipe(stream) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
        yield Buffer.concat([...rest, chunk.subarray(start, end)]).toString();
        [rest, restBytes, start] = [[], 0, end + 1];
      }
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
      if (restBytes > MAX_LINE_BYTES)
        throw refuse(path, "a line is longer than 256 MB", "a file as it was written");
    }
    if (restBytes > 0) yield Buffer.concat(rest).toString();
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw refuse(path, codeOf(cause), "a readable change file", cause);
  }
}

function parse(path: string, line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw refuse(path, "a line is not JSON", "a file as it was written", cause);
  }
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw refuse(path, "a line is no object", "a file as it was written");
}

function checkHeader(path: string, value: Record<string, unknown>): ChangeHeader {
  const { format, version, host, folded } = value;
  if (format !== FORMAT) throw refuse(path, "it is something else", "what `usagedb export` wrote");
  if (version !== VERSION)
    throw refuse(path, `it has version ${String(version)}`, `version ${VERSION}`);
  if (typeof host !== "string" || host === "") throw refuse(path, "it names no host", "a host");
  if (folded !== undefined && !isFolded(folded))
    throw refuse(path, "what it lacks is not counted", "two counts");
  return value as unknown as ChangeHeader;
}

const isFolded = (value: unknown): boolean =>
  isRecord(value) &&
  [value["messages"], value["events"]].every((count) => Number.isSafeInteger(count));

const isSame = (left: ChangeCounts, right: ChangeCounts): boolean =>
  left.sessions === right.sessions &&
  left.messages === right.messages &&
  left.events === right.events;

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);

function refuse(path: string, observed: string, expected: string, cause?: unknown): InputError {
  return new InputError(
    "CHANGE_FILE_INVALID",
    `Cannot use ${path}: ${observed}, expected ${expected}`,
    { details: { path, observed }, cause },
  );
}
