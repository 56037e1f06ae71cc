/** Finding transcript files. */
import { readdirSync, statSync, type Dirent } from "node:fs";
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
        const stat = statSync(path, { throwIfNoEntry: false });
        if (stat?.isFile() === true) {
          files.push({ path, sizeBytes: stat.size, modifiedAtMs: stat.mtimeMs, inode: stat.ino });
        }
      }
    }
  };
  visit(root, 0);
  return files;
}

function entriesOf(folder: string, onUnreadable: (path: string, reason: string) => void): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    if (code !== "ENOENT") onUnreadable(folder, code);
    return [];
  }
}
