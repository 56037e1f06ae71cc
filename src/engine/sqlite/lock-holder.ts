/** Who holds a database's write lock: asked of the operating system where it tells, and of the holder's own note. */
import { OperationError } from "../../errors.ts";
import type { LockHolder } from "../driver.ts";
import { withBusyTimeout } from "./busy-timeout.ts";
import type { Connection } from "./connection.ts";
import { commandOf, inodeOf, readFileLocks } from "./file-locks.ts";
import { lockNotePath, readLockNote } from "./lock-note.ts";

/**
 * The bytes that SQLite locks for writing: in WAL mode one of the shared-memory file (WAL_WRITE_LOCK), else the
 * RESERVED byte of the database. Both are part of the file format, so they are the same in every version.
 */
const WAL_WRITE_BYTE = 120;
const RESERVED_BYTE = 0x40000001;

/**
 * Who holds the write lock of a database file now, as far as can be told; null when nothing is known of anybody.
 * Asks no database and takes no lock. Linux names the process; elsewhere only a migrating process names itself,
 * and a note that a killed one left behind cannot be told from that of a living one.
 */
export function readLockHolder(database: string): LockHolder | null {
  const note = readLockNote(lockNotePath(database));
  const pid = lockingPid(database);
  if (pid === undefined)
    return note === null ? null : { pid: note.pid, command: null, migrating: migratingOf(note) };
  if (pid === null) return null;
  return {
    pid,
    command: commandOf(pid),
    migrating: note?.pid === pid ? migratingOf(note) : null,
  };
}

/**
 * Whether anybody holds the write lock now: SQLite's own answer. It takes the lock for a moment to find out, writes
 * nothing, and is never wrong about a process that died.
 */
export function isWriteLocked(connection: Connection): boolean {
  const isReader = connection.readOnce("PRAGMA query_only")[0]?.[0] === 1;
  connection.runOnce("PRAGMA query_only = OFF");
  try {
    withBusyTimeout(connection, 0, () =>
      connection.transaction(() => undefined, "look at the lock"),
    );
    return false;
  } catch (error) {
    if (error instanceof OperationError && error.code === "DATABASE_BUSY") return true;
    throw error;
  } finally {
    if (isReader) connection.runOnce("PRAGMA query_only = ON");
  }
}

/** `process 4711 (bun agent.ts), which has been migrating since …`; says so when nothing is known. */
export function describeHolder(holder: LockHolder | null): string {
  if (holder === null) return "another process";
  const { pid, command, migrating } = holder;
  const words = [`process ${pid ?? "of unknown number"}`];
  if (command !== null) words.push(`(${command})`);
  if (migrating !== null) {
    const by = migrating.actor === null ? "" : ` for ${migrating.actor}`;
    const since = new Date(migrating.since).toISOString();
    words.push(`at work${by} since ${since} (${migrating.step})`);
  }
  return words.join(" ");
}

function migratingOf({
  actor,
  since,
  step,
}: NonNullable<ReturnType<typeof readLockNote>>): NonNullable<LockHolder["migrating"]> {
  return { actor, since, step };
}

/** Null when nobody holds it, undefined when the operating system does not tell. */
function lockingPid(database: string): number | null | undefined {
  const locks = readFileLocks();
  if (locks === null) return undefined;
  const wanted = [
    [inodeOf(`${database}-shm`), WAL_WRITE_BYTE],
    [inodeOf(database), RESERVED_BYTE],
  ] as const;
  const lock = locks.find(
    ({ isWrite, inode, firstByte, lastByte }) =>
      isWrite &&
      wanted.some(([ino, byte]) => ino === inode && byte >= firstByte && byte <= lastByte),
  );
  if (lock === undefined) return null;
  // 0 and below: a process of another container.
  return lock.pid > 0 ? lock.pid : undefined;
}
