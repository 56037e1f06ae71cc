/** Who reads a database in WAL mode right now, and so keeps its WAL from being emptied. */
import { commandOf, inodeOf, readFileLocks, startedAt } from "./file-locks.ts";

/**
 * The bytes of the shared-memory file that a read transaction locks (WAL_READ_LOCK 0 to 4). They are part of the
 * file format, so they are the same in every version; every open connection holds another byte of that file.
 */
const FIRST_READ_BYTE = 123;
const LAST_READ_BYTE = 127;

/** A WAL that is emptied now and then stays below it. */
export const LARGE_WAL_BYTES = 32 * 1024 * 1024;
/** Whoever is inside a read transaction at every look has been reading for a while. */
const LOOKS = 8;
const LOOK_EVERY_MS = 60;

export interface WalUser {
  readonly pid: number;
  readonly command: string | null;
  /** Epoch milliseconds; null where the operating system does not tell. */
  readonly startedAt: number | null;
  /** True while it is inside a read transaction. */
  readonly isReading: boolean;
}

/** The processes that have the database open, the caller's among them; null where the operating system does not tell. */
export function readWalUsers(database: string): WalUser[] | null {
  const locks = readFileLocks();
  if (locks === null) return null;
  const shm = inodeOf(`${database}-shm`);
  if (shm === null) return [];
  const ours = locks.filter(({ inode }) => inode === shm);
  const pids = [...new Set(ours.map(({ pid }) => pid))].filter((pid) => pid > 0);
  return pids.map((pid) => {
    const held = ours.filter((lock) => lock.pid === pid);
    return {
      pid,
      command: commandOf(pid),
      startedAt: startedAt(pid),
      isReading: held.some(
        ({ firstByte, lastByte }) => firstByte <= LAST_READ_BYTE && lastByte >= FIRST_READ_BYTE,
      ),
    };
  });
}

/** The processes but `ownPid` that are reading at every one of several looks, half a second in all. */
export async function readLongReaders(database: string, ownPid: number): Promise<WalUser[]> {
  const readingNow = (): WalUser[] =>
    (readWalUsers(database) ?? []).filter(({ pid, isReading }) => isReading && pid !== ownPid);
  let readers = readingNow();
  for (let look = 1; look < LOOKS && readers.length > 0; look++) {
    await Bun.sleep(LOOK_EVERY_MS);
    const now = readingNow();
    readers = readers.filter(({ pid }) => now.some((user) => user.pid === pid));
  }
  return readers;
}
