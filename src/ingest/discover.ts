/** Finding transcript files. */
import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import type { TranscriptFile } from "./ingester.ts";

/** Deeper than any layout known, shallower than a loop. */
const MAX_DEPTH = 12;

/**
 * Every regular file below `root` with the given ending; a missing root is empty.
 * Links to folders are not followed, so there are no loops; links to files are.
 */
export function discoverFiles(
  root: string,
  ending: string,
  onUnreadable: (path: string, reason: string) => void,
): TranscriptFile[] {
  const files: TranscriptFile[] = [];
  const visit = (folder: string, depth: number): void => {
    for (const entry of entriesOf(folder, onUnreadable)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (depth < MAX_DEPTH) visit(path, depth + 1);
        else onUnreadable(path, "nested too deeply");
      } else if (entry.name.endsWith(ending) && (entry.isFile() || entry.isSymbolicLink())) {
        const stat = statOf(path, onUnreadable);
        if (stat?.isFile() === true) {
          files.push(fileOf(path, stat));
        }
      }
    }
  };
  visit(root, 0);
  return files;
}

function fileOf(path: string, stat: Stats): TranscriptFile {
  const { size, mtimeMs, birthtimeMs, ino } = stat;
  // Not every file system knows when a file was made.
  const bornAtMs = birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs;
  return { path, sizeBytes: size, modifiedAtMs: mtimeMs, inode: ino, bornAtMs };
}

/** Undefined for what is not there any more and for what cannot be reached: a link in a loop, a closed folder. */
function statOf(
  path: string,
  onUnreadable: (path: string, reason: string) => void,
): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    onUnreadable(path, codeOf(error));
    return undefined;
  }
}

function entriesOf(folder: string, onUnreadable: (path: string, reason: string) => void): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const code = codeOf(error);
    if (code !== "ENOENT") onUnreadable(folder, code);
    return [];
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unreadable";
}
