/** A process beside this one for what SQLite does in one long call: the event loop stays free, and it can be ended. */
import { setPriority } from "node:os";
import { parse } from "node:path";
import { execPath } from "node:process";
import { SQLiteError } from "bun:sqlite";
import { OperationError } from "../../../errors.ts";
import type { Binding } from "../connection.ts";
import { SIDE_PROGRAM } from "./program.ts";

export interface SideStatement {
  readonly sql: string;
  readonly values?: readonly (string | number | null)[];
}

export interface SideDatabase {
  readonly path: string;
  /** Opened without the right to write; SQLite then leaves CHECK constraints out of its integrity check. */
  readonly isReader: boolean;
  readonly busyTimeoutMs: number;
}

/** What can be asked, and what is answered. */
interface Words {
  /** Runs statements in order on one connection; the rows of each. */
  readonly sql: {
    readonly request: SideDatabase & { readonly statements: readonly SideStatement[] };
    readonly answer: Exclude<Binding, bigint | boolean | Uint8Array>[][][];
  };
  /** Rows by table. */
  readonly counts: {
    readonly request: SideDatabase;
    readonly answer: Readonly<Record<string, number>>;
  };
  /** The SHA-256 of a file that no process has open as a database. */
  readonly hash: { readonly request: { readonly path: string }; readonly answer: string };
}

type Line =
  | { readonly progress: { readonly done: number; readonly total: number } }
  | { readonly answer: unknown }
  | { readonly error: SideFailure };

interface SideFailure {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly errno?: number;
  readonly syscall?: string;
}

export interface AskOptions {
  readonly onProgress?: (done: number, total: number) => void;
}

/** Background work gives way to everything else; 19 would starve it on a busy machine. */
const NICENESS = 10;

/**
 * Starts at once (about 20 ms), answers one request at a time and ends when it is disposed of. When the signal is
 * aborted it is killed: a running SQLite statement cannot be stopped in any other way. What it had open is closed by
 * the system, what it had not committed is undone by the next process that opens the file.
 */
export class SideProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "ignore">;
  readonly #lines: AsyncGenerator<Line>;
  readonly #signal: AbortSignal | undefined;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    refuseCancelled(signal);
    // A compiled program is asked to be Bun; a folder with a bunfig.toml or an .env has no say in it.
    this.#child = Bun.spawn([execPath, "--no-env-file", "--config=/dev/null", "-e", SIDE_PROGRAM], {
      cwd: parse(execPath).root,
      env: { BUN_BE_BUN: "1" },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
      killSignal: "SIGKILL",
      ...(signal === undefined ? {} : { signal }),
    });
    // It must not keep a program alive that ended without waiting for it.
    this.#child.unref();
    yieldToOthers(this.#child.pid);
    this.#lines = linesOf(this.#child.stdout);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Asks for one word and waits for the answer.
   * @throws {OperationError} CANCELLED, SIDE_PROCESS_FAILED; SQLite's and the file system's errors as they are.
   */
  async ask<Word extends keyof Words>(
    word: Word,
    request: Words[Word]["request"],
    { onProgress }: AskOptions = {},
  ): Promise<Words[Word]["answer"]> {
    refuseCancelled(this.#signal);
    this.#child.ref();
    try {
      void this.#child.stdin.write(`${JSON.stringify({ word, request })}\n`);
      void this.#child.stdin.flush();
      for (;;) {
        const { value: line, done } = await this.#lines.next();
        if (done === true) throw await this.#ended();
        if ("progress" in line) onProgress?.(line.progress.done, line.progress.total);
        else if ("error" in line) throw toError(line.error);
        else return line.answer as Words[Word]["answer"];
      }
    } finally {
      this.#child.unref();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async #ended(): Promise<OperationError> {
    await this.#child.exited;
    refuseCancelled(this.#signal);
    const { signalCode, exitCode } = this.#child;
    return new OperationError(
      "SIDE_PROCESS_FAILED",
      `Cannot go on: the side process ended with ${signalCode ?? exitCode}, expected an answer`,
      { details: { exitCode, signalCode } },
    );
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of stream) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as Line;
  }
}

/** Errors cross the pipe as plain objects; SQLite's get their class back, by which they are told. */
function toError({ message, ...rest }: SideFailure): Error {
  const error = Object.assign(new Error(message), rest);
  return rest.name === "SQLiteError" ? Object.setPrototypeOf(error, SQLiteError.prototype) : error;
}

/** Not every system lets it; it is a courtesy. */
function yieldToOthers(pid: number): void {
  try {
    setPriority(pid, NICENESS);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

function refuseCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new OperationError("CANCELLED", "Cannot go on: it was interrupted; nothing of it was kept");
}
