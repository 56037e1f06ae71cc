/** A settings file, read and replaced: copied first, swapped whole, never changed under another writer's hands. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { OperationError } from "../errors.ts";

export interface SettingsFile {
  /** The file itself, where the path named a link to it. */
  readonly path: string;
  /** Empty when there is none. */
  readonly text: string;
  readonly exists: boolean;
}

const PRIVATE = 0o600;

/** @throws {OperationError} SETTINGS_INVALID when it is there and cannot be read as text. */
export function readSettings(path: string): SettingsFile {
  try {
    const real = realpathSync(path);
    const bytes = readFileSync(real);
    const text = bytes.toString("utf8");
    if (!Buffer.from(text).equals(bytes)) return refuse(path, "it is not UTF-8");
    return { path: real, text, exists: true };
  } catch (cause) {
    if (cause instanceof OperationError) throw cause;
    if (codeOf(cause) === "ENOENT" && !isLink(path)) return { path, text: "", exists: false };
    return refuse(path, codeOf(cause) ?? "it cannot be read", cause);
  }
}

export interface ReplaceOptions {
  readonly text: string;
  /** True takes the rights of others away: the text holds a secret. */
  readonly isSecret: boolean;
  readonly now: number;
}

/**
 * Replaces the file in one step, a copy of what was there beside it; returns the copy's path, null when there was
 * nothing to copy.
 * @throws {OperationError} SETTINGS_CHANGED when another program wrote it meanwhile; nothing is replaced then.
 */
export function replaceSettings(file: SettingsFile, options: ReplaceOptions): string | null {
  const { path } = file;
  const folder = dirname(path);
  if (!file.exists) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.usagedb-${process.pid}.draft`;
  const descriptor = openSync(draft, "wx", PRIVATE);
  try {
    writeFileSync(descriptor, options.text);
    if (file.exists) takeOver(descriptor, path, options.isSecret);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    const copy = file.exists ? copyAside(file, options.now) : null;
    const present = readSettings(path);
    if (present.text !== file.text || present.exists !== file.exists) refuseChanged(path);
    renameSync(draft, path);
    syncFolder(folder);
    return copy;
  } catch (error) {
    unlinkSync(draft);
    throw error;
  }
}

/** Owner and rights stay what they were. */
function takeOver(descriptor: number, path: string, isSecret: boolean): void {
  const { mode, uid, gid } = statSync(path);
  fchmodSync(descriptor, isSecret ? mode & 0o700 : mode & 0o777);
  if (uid !== process.geteuid?.()) fchownSync(descriptor, uid, gid);
}

function copyAside({ path, text }: SettingsFile, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, "");
  for (let attempt = 0; ; attempt++) {
    const copy = `${path}.usagedb-${stamp}${attempt === 0 ? "" : `-${attempt}`}.backup`;
    try {
      writeFileSync(copy, text, { flag: "wx", mode: PRIVATE, flush: true });
      return copy;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A link to nothing is no missing file: writing would put one where the user put a link. */
function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

function refuse(path: string, observed: string, cause?: unknown): never {
  throw new OperationError(
    "SETTINGS_INVALID",
    `Cannot read ${path}: ${observed}, expected a text file`,
    { details: { path, observed }, ...(cause === undefined ? {} : { cause }) },
  );
}

function refuseChanged(path: string): never {
  throw new OperationError(
    "SETTINGS_CHANGED",
    `Cannot replace ${path}: it changed while it was edited, expected it as it was read`,
    { details: { path } },
  );
}
