/** The WAL: how large it is, who has the database open, and who keeps it from being emptied. */
import { walBytes } from "../engine/sqlite/checkpoint.ts";
import { readWalUsers, type WalUser } from "../engine/sqlite/wal-readers.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** A WAL that is emptied now and then stays below it. */
const LARGE_BYTES = 32 * 1024 * 1024;
/** Whoever is inside a read transaction at every look has been reading for a while. */
const LOOKS = 8;
const LOOK_EVERY_MS = 60;

export interface WalQuestion {
  readonly path: string;
  /** Of the examining process itself. */
  readonly ownPid: number;
  /** Epoch milliseconds of the last checkpoint that finished, where one is known. */
  readonly lastFinishedAt: number | null;
}

/** Watches the locks for half a second; opens nothing. */
export async function examineWal({
  path,
  ownPid,
  lastFinishedAt,
}: WalQuestion): Promise<TopicReport> {
  const notes = new TopicNotes("wal");
  const bytes = walBytes({ path });
  notes.fact("walBytes", bytes);
  notes.fact("lastFinishedCheckpointAt", lastFinishedAt);
  const first = readWalUsers(path);
  if (first === null) {
    notes.notChecked("who has the database open: this system does not tell");
  } else {
    const others = first.filter(({ pid }) => pid !== ownPid);
    notes.fact(
      "openIn",
      others.map(({ pid, command, startedAt, isReading }) => ({
        pid,
        command,
        startedAt,
        isReading,
      })),
    );
    const since = lastFinishedAt === null ? "" : `, since ${timeOf(lastFinishedAt)} at the most`;
    for (const reader of await longReaders(path, others)) {
      notes.problem(`process ${reader.pid}`, {
        observed: `it has been reading all the while${since}, so the WAL of ${bytes} bytes cannot be emptied (${reader.command ?? "its command is not known"}${reader.startedAt === null ? "" : `, running since ${timeOf(reader.startedAt)}`})`,
        remedy: "End its transaction: finish or close its reading cursor, or stop it.",
      });
    }
  }
  if (bytes > LARGE_BYTES) {
    notes.problem("WAL", {
      observed: `it has ${bytes} bytes, expected fewer than ${LARGE_BYTES}`,
      remedy: "Run `usagedb maintain checkpoint`; if it stays, end the readers named here.",
      fix: "checkpoint",
    });
  }
  return notes.report();
}

/** Those that are reading at every look. */
async function longReaders(path: string, users: readonly WalUser[]): Promise<WalUser[]> {
  let reading = users.filter(({ isReading }) => isReading);
  for (let look = 1; look < LOOKS && reading.length > 0; look++) {
    await Bun.sleep(LOOK_EVERY_MS);
    const now = readWalUsers(path) ?? [];
    reading = reading.filter(({ pid }) => now.some((user) => user.pid === pid && user.isReading));
  }
  return reading;
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
