/** The server's token: a random one in a file that only its owner can read. */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { OperationError } from "../errors.ts";

/** 256 bits. */
const TOKEN_BYTES = 32;
/** Enough for a token that somebody wrote there himself. */
const MIN_TOKEN_LENGTH = 16;
const MAX_FILE_BYTES = 4096;
/** Rights of others than the owner. */
const OTHERS = 0o077;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** Beside the database, unless another is named. */
export function tokenPath(database: string): string {
  return `${database}-hook-token`;
}

/**
 * Reads the token of a file, writing a new one when there is no such file; safe among processes that start at once.
 * @throws {OperationError} TOKEN_FILE_INVALID for a link, for a file that others may read, and for one without a token.
 */
export function readOrMakeToken(path: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const descriptor = openSync(path, O_CREAT | O_EXCL | O_WRONLY, 0o600);
    const token = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
    writeSync(descriptor, `${token}\n`);
    closeSync(descriptor);
    return token;
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") return readToken(path);
    return refuse(path, codeOf(cause) ?? "it failed", cause);
  }
}

function readToken(path: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch (cause) {
    const code = codeOf(cause);
    return refuse(path, code === "ELOOP" ? "it is a symbolic link" : (code ?? "it failed"), cause);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return refuse(path, "it is no regular file");
    if (stat.nlink > 1) return refuse(path, `it has ${stat.nlink} names`);
    if ((stat.mode & OTHERS) !== 0)
      return refuse(path, `its mode is ${(stat.mode & 0o777).toString(8)}`);
    if (stat.size > MAX_FILE_BYTES) return refuse(path, `it has ${stat.size} bytes`);
    const token = readFileSync(descriptor, "utf8").trim();
    const isToken = token.length >= MIN_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(token);
    return isToken ? token : refuse(path, "it holds no token");
  } finally {
    closeSync(descriptor);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

function refuse(path: string, observed: string, cause?: unknown): never {
  throw new OperationError(
    "TOKEN_FILE_INVALID",
    `Cannot use the token file ${path}: ${observed}, expected a file of mode 600 with a token of ${MIN_TOKEN_LENGTH} characters or more`,
    { details: { path, observed }, ...(cause === undefined ? {} : { cause }) },
  );
}
