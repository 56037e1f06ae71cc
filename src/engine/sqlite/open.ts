/** Opening a database file: refused where it would be unsafe, created privately, configured in a safe order. */
import { closeSync, lstatSync, mkdirSync, openSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";
import { Database } from "bun:sqlite";
import {
  describeKind,
  InputError,
  OperationError,
  refuseValue,
  type UsageDbError,
} from "../../errors.ts";
import { Connection } from "./connection.ts";
import { refuseUrl } from "./database-url.ts";
import { findLink, type LinkRule } from "./file-links.ts";
import { isSqliteError, SQLITE_BUSY, toUsageDbError } from "./sqlite-errors.ts";

export const IN_MEMORY = ":memory:";

export interface OpenOptions {
  /** create: make the file when it is missing · existing: fail instead · read: fail instead, and refuse every write. */
  readonly mode?: "create" | "existing" | "read";
  /** How long a statement waits for another process's lock. 0 to 3,600,000. */
  readonly busyTimeoutMs?: number;
  /** FULL survives a power cut with every commit, 3.6 times slower on single rows; NORMAL may lose the newest. */
  readonly synchronous?: "NORMAL" | "FULL";
  /**
   * The file does not grow beyond it by what this connection writes: DATABASE_FULL then, and deleting still works. It
   * is no property of the file; others have their own, or none. From 1,000,000.
   */
  readonly maxBytes?: number;
}

export const DEFAULT_BUSY_TIMEOUT_MS = 5000;

const MAX_BUSY_TIMEOUT_MS = 3_600_000;
/** The WAL file shrinks back to this after a reset; 0 would cost 1.64 times on every checkpoint. */
const JOURNAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Opens a database file in WAL mode, with every setting read back.
 * A new file is created with mode 0600, missing folders with 0700.
 * @throws {InputError} DATABASE_PATH_INVALID, VALUE_INVALID or OPTION_UNKNOWN.
 * @throws {OperationError} DATABASE_NOT_FOUND, DATABASE_NOT_SQLITE, DATABASE_BUSY, DATABASE_READONLY,
 *   DATABASE_CANNOT_OPEN or PRAGMA_REFUSED.
 */
export function openConnection(path: string, options: OpenOptions = {}): Connection {
  const {
    mode = "create",
    busyTimeoutMs = DEFAULT_BUSY_TIMEOUT_MS,
    synchronous = "NORMAL",
  } = options;
  checkOptions(options);
  checkBusyTimeout(busyTimeoutMs);
  checkCap(options.maxBytes);
  checkChoice("mode", mode, ["create", "existing", "read"]);
  checkChoice("synchronous", synchronous, ["NORMAL", "FULL"]);
  const file = checkPath(path);
  const isFresh = file === IN_MEMORY || prepareFile(file, mode) === 0;
  const connection = new Connection(openDatabase(file), file);
  try {
    configure(connection, { isFresh, isReader: mode === "read", busyTimeoutMs, synchronous });
    if (options.maxBytes !== undefined) connection.capAt(options.maxBytes);
    return connection;
  } catch (error) {
    const failure = toUsageDbError(error, `open ${file}`, { path: file });
    try {
      connection.close();
    } catch (closeError) {
      failure.cause ??= closeError;
    }
    throw mode === "read" ? asReader(failure, file) : failure;
  }
}

/** Loaded by a failure only. */
function asReader(failure: UsageDbError, file: string): UsageDbError {
  const { readerFailure } = require("./reader-failure.ts") as typeof import("./reader-failure.ts");
  return readerFailure(failure, file);
}

function openDatabase(file: string): Database {
  try {
    return new Database(file, { create: false, readwrite: true });
  } catch (error) {
    throw toUsageDbError(error, `open ${file}`, { path: file });
  }
}

const OPTIONS: readonly string[] = ["mode", "busyTimeoutMs", "synchronous", "maxBytes"];

/** SQLite's bindings drop a misspelt option in silence, and with it the time-out, say. */
function checkOptions(options: OpenOptions): void {
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown === undefined) return;
  throw new InputError(
    "OPTION_UNKNOWN",
    `Cannot open a database with the option ${unknown}, expected only ${OPTIONS.join(", ")}`,
    { details: { option: unknown, expected: OPTIONS } },
  );
}

function checkChoice(field: string, value: unknown, choices: readonly string[]): void {
  if (typeof value === "string" && choices.includes(value)) return;
  refuseValue(
    field,
    typeof value === "string" ? JSON.stringify(value) : describeKind(value),
    `one of ${choices.join(", ")}`,
  );
}

function checkBusyTimeout(busyTimeoutMs: number): void {
  if (Number.isInteger(busyTimeoutMs) && busyTimeoutMs >= 0 && busyTimeoutMs <= MAX_BUSY_TIMEOUT_MS)
    return;
  throw new InputError(
    "VALUE_INVALID",
    `Cannot use busyTimeoutMs: it is ${String(busyTimeoutMs)}, expected an integer from 0 to ${MAX_BUSY_TIMEOUT_MS}`,
    { details: { field: "busyTimeoutMs" } },
  );
}

const MIN_CAP_BYTES = 1_000_000;

function checkCap(maxBytes: number | undefined): void {
  if (maxBytes === undefined || (Number.isSafeInteger(maxBytes) && maxBytes >= MIN_CAP_BYTES))
    return;
  refuseValue(
    "maxBytes",
    typeof maxBytes === "number" ? String(maxBytes) : describeKind(maxBytes),
    `an integer from ${MIN_CAP_BYTES}`,
  );
}

/** An absolute path, so that nothing SQLite would read as a URI or a temporary file gets through. */
export function checkPath(path: unknown): string {
  if (typeof path !== "string" || path.trim() === "") {
    return refusePath(String(path ?? ""), `it is ${describeKind(path)}`);
  }
  if (path.includes("\0")) return refusePath("", "it contains a NUL byte");
  if (path === IN_MEMORY) return path;
  return resolve(refuseUrl(path));
}

/** Returns the file's size in bytes, creating it when it is missing and may be. */
export function prepareFile(
  file: string,
  mode: "create" | "existing" | "read",
  rule: LinkRule = {},
): number {
  let stat = statOf(file);
  if (stat === undefined) {
    if (mode !== "create") {
      throw new OperationError(
        "DATABASE_NOT_FOUND",
        `Cannot open ${file}: there is no such file, expected a database`,
        {
          details: { path: file },
        },
      );
    }
    if (createFile(file)) {
      refuseLink(file);
      return 0;
    }
    stat = statOf(file);
  }
  if (stat === undefined) return refusePath(file, "it vanished while it was opened");
  refuseLink(file, rule);
  return stat.size;
}

function refuseLink(file: string, rule: LinkRule = {}): void {
  const link = findLink(file, rule);
  if (link !== null) refusePath(link.path, link.observed);
}

function statOf(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false });
  } catch (cause) {
    return refuseOpening(file, cause);
  }
}

/**
 * Creates an empty file that only its owner may read; false when another process was first.
 * Exclusive creation never follows a planted link, and SQLite gives the WAL the mode of its database.
 */
function createFile(file: string): boolean {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "wx", 0o600));
    return true;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return false;
    return refuseOpening(file, cause);
  }
}

interface Settings {
  readonly isFresh: boolean;
  readonly isReader: boolean;
  readonly busyTimeoutMs: number;
  readonly synchronous: "NORMAL" | "FULL";
}

/**
 * The order is measured, not taste: with WAL before the time-out 177 of 480 concurrent opens failed, with
 * this order none; `auto_vacuum` after WAL is ignored. A misspelt or refused pragma succeeds in silence, so
 * each is read back; the time-out and the size limit answer with what is in force when they are set.
 */
function configure(connection: Connection, settings: Settings): void {
  const { isFresh, isReader, busyTimeoutMs, synchronous } = settings;
  verify(connection, "busy_timeout", busyTimeoutMs, ` = ${busyTimeoutMs}`);
  if (isFresh && !isReader) connection.runOnce("PRAGMA auto_vacuum = INCREMENTAL");
  if (connection.path !== IN_MEMORY && !isReader) switchToWal(connection, busyTimeoutMs);
  connection.runOnce("PRAGMA foreign_keys = ON");
  connection.runOnce(`PRAGMA synchronous = ${synchronous}`);
  connection.runOnce("PRAGMA trusted_schema = OFF");
  verify(
    connection,
    "journal_size_limit",
    JOURNAL_SIZE_LIMIT_BYTES,
    ` = ${JOURNAL_SIZE_LIMIT_BYTES}`,
  );
  verify(connection, "foreign_keys", 1);
  verify(connection, "synchronous", synchronous === "FULL" ? 2 : 1);
  verify(connection, "trusted_schema", 0);
  if (!isReader) return;
  connection.runOnce("PRAGMA query_only = ON");
  verify(connection, "query_only", 1);
  // Opening is lazy: without a first read, a file that is no database would fail somewhere later.
  connection.readOnce("PRAGMA schema_version");
}

function switchToWal(connection: Connection, busyTimeoutMs: number): void {
  const deadline = performance.now() + Math.max(busyTimeoutMs, 1);
  for (;;) {
    try {
      if (connection.readOnce("PRAGMA journal_mode")[0]?.[0] === "wal") return;
      const mode = connection.readOnce("PRAGMA journal_mode = WAL")[0]?.[0];
      if (mode === "wal") return;
      throw new OperationError(
        "PRAGMA_REFUSED",
        `Cannot open ${connection.path}: journal_mode is ${String(mode)}, expected wal`,
        { details: { pragma: "journal_mode", observed: String(mode), expected: "wal" } },
      );
    } catch (error) {
      const isBusy = isSqliteError(error) && (error.errno & 0xff) === SQLITE_BUSY;
      if (!isBusy || performance.now() > deadline) throw error;
      // Several processes that switch one fresh file at once get BUSY without the busy handler being asked.
      Bun.sleepSync(1 + Math.random() * 20);
    }
  }
}

/** @param assignment sets the pragma first, for one that answers with its new value. */
function verify(connection: Connection, pragma: string, expected: number, assignment = ""): void {
  const observed = connection.readOnce(`PRAGMA ${pragma}${assignment}`)[0]?.[0];
  if (observed === expected) return;
  throw new OperationError(
    "PRAGMA_REFUSED",
    `Cannot open ${connection.path}: ${pragma} is ${String(observed)}, expected ${expected}`,
    { details: { pragma, observed: String(observed), expected } },
  );
}

function refusePath(path: string, observed: string): never {
  throw new InputError(
    "DATABASE_PATH_INVALID",
    `Cannot open ${path === "" ? "the database" : path}: ${observed}, expected a regular file or ${IN_MEMORY}`,
    { details: { path, observed } },
  );
}

function refuseOpening(path: string, cause: unknown): never {
  const observed = cause instanceof Error && "code" in cause ? String(cause.code) : "it failed";
  throw new OperationError(
    "DATABASE_CANNOT_OPEN",
    `Cannot open ${path}: ${observed}, expected a file in a folder that exists or may be created`,
    { details: { path, observed }, cause },
  );
}
