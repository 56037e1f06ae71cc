/**
 * A file beside the database that is there to be deleted: on a full disk a deletion, a checkpoint and a vacuum all
 * need room before they make any.
 */
import { closeSync, lstatSync, openSync, readSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { IN_MEMORY } from "./open.ts";

const LABEL = "usagedb ballast: room for the day when the disk is full; deleting it is safe.\n";
const BYTES = { min: 256 << 10, max: 4 << 20 };
/** On a small file system it is smaller. */
const SHARE = 1 / 6;
/** It is made only where this many times its size is free: it must never be what fills the disk. */
const ROOM_FACTOR = 2;

export function ballastPath(database: string): string {
  return `${database}-ballast`;
}

/** Bytes that may be written to the file system of a database. */
export function freeBytesBeside(database: string): number {
  const { bavail, bsize } = statfsSync(dirname(database));
  return bavail * bsize;
}

/**
 * Deletes the ballast and returns how many bytes that gave; 0 when there is none. A file of that name that is not
 * ours is left alone.
 */
export function releaseBallast(database: string): number {
  if (database === IN_MEMORY) return 0;
  const bytes = ballastBytes(database);
  if (bytes > 0) rmSync(ballastPath(database), { force: true });
  return bytes;
}

/** Makes the ballast where there is none and the disk has room for it; true when it is there afterwards. */
export function keepBallast(database: string): boolean {
  if (database === IN_MEMORY) return false;
  const { blocks, bavail, bsize } = statfsSync(dirname(database));
  const wanted = Math.min(
    BYTES.max,
    Math.max(BYTES.min, Math.floor((blocks * bsize * SHARE) / 4096) * 4096),
  );
  const bytes = ballastBytes(database);
  if (bytes >= wanted) return true;
  if (bavail * bsize < wanted * ROOM_FACTOR) return bytes > 0;
  // One that was cut short by a full disk or a kill is made anew.
  if (bytes > 0) rmSync(ballastPath(database), { force: true });
  return make(ballastPath(database), wanted);
}

/** False when the disk filled up meanwhile, or the name is somebody else's. */
function make(path: string, bytes: number): boolean {
  let descriptor: number;
  try {
    // Exclusive creation never follows a planted link.
    descriptor = openSync(path, "wx", 0o600);
  } catch (error) {
    if (error instanceof Error && "code" in error) return false;
    throw error;
  }
  try {
    // Noise, because a file system may keep zeros, and what repeats, in no room at all.
    const content = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; at += NOISE_BYTES)
      crypto.getRandomValues(content.subarray(at, Math.min(bytes, at + NOISE_BYTES)));
    content.write(LABEL);
    // Not flushed, which would hold the event loop: the room is taken when it is written.
    for (let at = 0; at < bytes;) at += writeSync(descriptor, content, at);
    return true;
  } catch (error) {
    rmSync(path, { force: true });
    if (error instanceof Error && "code" in error) return false;
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** What the system gives in one call. */
const NOISE_BYTES = 65_536;

/** The size of our ballast; 0 when there is none, or the file is something else. */
export function ballastBytes(database: string): number {
  const path = ballastPath(database);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) return 0;
  const start = Buffer.alloc(LABEL.length);
  const descriptor = openSync(path, "r");
  try {
    readSync(descriptor, start);
  } finally {
    closeSync(descriptor);
  }
  return start.toString() === LABEL ? stat.size : 0;
}
