/**
 * opencode: `opencode.db`, or `opencode-<channel>.db`, in its data folder; before version 1.2 a file a message below
 * `storage/message/<session>`. The database has the messages of the files as well, under the same ids.
 */
import { realpathSync, statSync } from "node:fs";
import { entriesOf, fileOf, statOf } from "../discover.ts";
import type { Ingester, OnUnreadable, TranscriptFile } from "../ingester.ts";
import { OpencodeDatabaseReader } from "./opencode-database.ts";
import { OpencodeFolderReader } from "./opencode-folder.ts";

const DATABASE_NAME = /^opencode(-[\w-]+)?\.db$/;

export const opencodeIngester: Ingester = {
  agent: "opencode",
  discover: (root, onUnreadable) => {
    if (isFile(root)) return databaseAt(root, onUnreadable);
    return [
      ...entriesOf(root, onUnreadable)
        .filter(({ name }) => DATABASE_NAME.test(name))
        .flatMap(({ name }) => databaseAt(`${root}/${name}`, onUnreadable)),
      ...foldersIn(`${root}/storage/message`, onUnreadable),
    ];
  },
  open: (file, options) =>
    isFile(file.path)
      ? new OpencodeDatabaseReader(file, options)
      : new OpencodeFolderReader(file.path),
};

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    // What cannot be reached is reported by whoever looks into it.
    return false;
  }
}

/** A database with its WAL: what is written goes there first. */
function databaseAt(path: string, onUnreadable: OnUnreadable): TranscriptFile[] {
  const stat = statOf(path, onUnreadable);
  if (stat?.isFile() !== true) return [];
  const file = fileOf(path, stat);
  // Behind a link the WAL lies beside the file itself.
  const wal = statOf(`${realpathSync(path)}-wal`, onUnreadable);
  // An empty one may have been left by a reader.
  if (wal === undefined || wal.size === 0) return [file];
  const sizeBytes = file.sizeBytes + wal.size;
  return [{ ...file, sizeBytes, modifiedAtMs: Math.max(file.modifiedAtMs, wal.mtimeMs) }];
}

/** A session's folder stands for its files: one source a message would be too many. */
function foldersIn(root: string, onUnreadable: OnUnreadable): TranscriptFile[] {
  return entriesOf(root, onUnreadable).flatMap(({ name }) => {
    const path = `${root}/${name}`;
    const folder = statOf(path, onUnreadable);
    if (folder?.isDirectory() !== true) return [];
    let sizeBytes = 0;
    let modifiedAtMs = folder.mtimeMs;
    let bornAtMs = folder.mtimeMs;
    for (const entry of entriesOf(path, onUnreadable)) {
      if (!entry.isFile() || !entry.name.endsWith(".json")) continue;
      const stat = statOf(`${path}/${entry.name}`, onUnreadable);
      if (stat === undefined) continue;
      sizeBytes += stat.size;
      modifiedAtMs = Math.max(modifiedAtMs, stat.mtimeMs);
      bornAtMs = Math.min(bornAtMs, stat.mtimeMs);
    }
    return [{ path, sizeBytes, modifiedAtMs, inode: folder.ino, bornAtMs }];
  });
}
