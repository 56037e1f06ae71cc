/** Finding transcript files. */
import { type Dirent, readdirSync, type Stats, statSync } from "node:fs";
import { plainPath } from "./compressed-file.ts";
import type { OnUnreadable, TranscriptFile } from "./ingester.ts";

/** Deeper than any layout known, shallower than a loop. */
const MAX_DEPTH = 12;

interface DiscoverOptions {
  readonly endings: readonly string[];
  readonly onUnreadable: OnUnreadable;
}

export const LINE_ENDINGS = [".jsonl", ".jsonl.zst", ".jsonl.gz"];

/** The files of JSON lines below `root`, compressed ones too. */
export function discoverLineFiles(root: string, onUnreadable: OnUnreadable): TranscriptFile[] {
  const files = discoverFiles(root, { endings: LINE_ENDINGS, onUnreadable });
  // While a file is compressed, or expanded again, both are there for a moment.
  const paths = new Set(files.map(({ path }) => path));
  return files.filter(({ path }) => plainPath(path) === path || !paths.has(plainPath(path)));
}

/**
 * Every regular file below `root` with one of the endings; a missing root is empty.
 * Links to folders are not followed, so there are no loops; links to files are.
 */
export function discoverFiles(
  root: string,
  { endings, onUnreadable }: DiscoverOptions,
): TranscriptFile[] {
  const files: TranscriptFile[] = [];
  const visit = (folder: string, depth: number): void => {
    for (const entry of entriesOf(folder, onUnreadable)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        // A folder may be called anything; one that is called like a transcript is worth a word.
        if (endings.some((ending) => entry.name.endsWith(ending))) onUnreadable(path, "EISDIR");
        if (depth < MAX_DEPTH) visit(path, depth + 1);
        else onUnreadable(path, "nested too deeply");
      } else if (endings.some((ending) => entry.name.endsWith(ending))) {
        const stat = statOf(path, onUnreadable);
        if (stat?.isFile() === true) files.push(fileOf(path, stat));
        // Reading a pipe would wait for somebody to write into it.
        else if (stat !== undefined)
          onUnreadable(path, stat.isDirectory() ? "EISDIR" : "not a regular file");
      }
    }
  };
  visit(root, 0);
  return files;
}

export function fileOf(path: string, stat: Stats): TranscriptFile {
  const { size, mtimeMs, birthtimeMs, ino } = stat;
  // Not every file system knows when a file was made.
  const bornAtMs = birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs;
  return { path, sizeBytes: size, modifiedAtMs: mtimeMs, inode: ino, bornAtMs };
}

/** A file or folder by its path; undefined when it cannot be found. */
export function fileAt(path: string): TranscriptFile | undefined {
  const stat = statOf(path, () => undefined);
  return stat === undefined ? undefined : fileOf(path, stat);
}

/** Undefined for what is not there any more and for what cannot be reached: a link in a loop, a closed folder. */
export function statOf(path: string, onUnreadable: OnUnreadable): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    onUnreadable(path, codeOf(error));
    return undefined;
  }
}

export function entriesOf(folder: string, onUnreadable: OnUnreadable): Dirent[] {
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
