/** The WAL: how large it is, who has the database open, and who keeps it from being emptied. */
import { walBytes } from "../engine/sqlite/checkpoint.ts";
import { LARGE_WAL_BYTES, readLongReaders, readWalUsers } from "../engine/sqlite/wal-readers.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

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
    for (const reader of await readLongReaders(path, ownPid)) {
      notes.problem(`process ${reader.pid}`, {
        observed: `it has been reading all the while${since}, so the WAL of ${bytes} bytes cannot be emptied (${reader.command ?? "its command is not known"}${reader.startedAt === null ? "" : `, running since ${timeOf(reader.startedAt)}`})`,
        remedy: "End its transaction: finish or close its reading cursor, or stop it.",
      });
    }
  }
  if (bytes > LARGE_WAL_BYTES) {
    notes.problem("WAL", {
      observed: `it has ${bytes} bytes, expected fewer than ${LARGE_WAL_BYTES}`,
      remedy: "Run `usagedb maintain checkpoint`; if it stays, end the readers named here.",
      fix: "checkpoint",
    });
  }
  return notes.report();
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
