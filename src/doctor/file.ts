/** The file and what lies beside it: kind, owner, modes, sizes. */
import { lstatSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { type TopicReport, TopicNotes } from "./finding.ts";

/** What SQLite and this program put beside a database under the database's own name. */
const BESIDE = ["-wal", "-shm", "-journal", "-maintenance", "-ballast"] as const;

export interface FileReport {
  readonly report: TopicReport;
  /** False when there is nothing that could be opened. */
  readonly isDatabaseFile: boolean;
}

/** Looks at names and attributes only; opens nothing. */
export function examineFile(path: string, uid: number | null): FileReport {
  const notes = new TopicNotes("file");
  notes.fact("path", path);
  const stat = statOf(path);
  if (stat === undefined) {
    notes.problem(path, {
      observed: "there is no such file",
      remedy: "Name another file with --db, or run `usagedb` to make it.",
    });
    return { report: notes.report(), isDatabaseFile: false };
  }
  if (!stat.isFile()) {
    notes.problem(path, {
      observed: `it is ${kindOf(stat)}`,
      remedy: "Name the database file itself with --db.",
    });
    return { report: notes.report(), isDatabaseFile: false };
  }
  notes.fact("sizeBytes", stat.size);
  notes.fact("mode", modeOf(stat));
  notes.fact("owner", stat.uid);
  if (stat.nlink > 1) {
    notes.problem(path, {
      observed: `it has ${stat.nlink} names (hard links); SQLite keeps a WAL for each name`,
      remedy: "Keep one name and remove the others while nothing has it open.",
    });
  }
  if (uid !== null && uid !== 0 && stat.uid !== uid) {
    notes.problem(path, {
      observed: `it belongs to user ${stat.uid}, this is user ${uid}`,
      remedy: "Run this as its owner, or give the file to the user who runs it.",
    });
  }
  checkModes(notes, path);
  return { report: notes.report(), isDatabaseFile: true };
}

/** Files that more than their owner may read, and that this program would have made private. */
export function looseFiles(path: string): string[] {
  return [path, ...BESIDE.map((ending) => path + ending)].filter((name) => {
    const stat = statOf(name);
    return stat?.isFile() === true && (stat.mode & 0o077) !== 0;
  });
}

function checkModes(notes: TopicNotes, path: string): void {
  for (const name of looseFiles(path)) {
    const stat = statOf(name);
    if (stat === undefined) continue;
    notes.problem(name, {
      observed: `its mode is ${modeOf(stat)}, so that others can read it`,
      remedy: `Run \`chmod 600 ${name}\`.`,
      fix: "modes",
    });
  }
  for (const ending of BESIDE) {
    const stat = statOf(path + ending);
    if (stat === undefined || stat.isFile()) continue;
    notes.problem(path + ending, {
      observed: `it is ${kindOf(stat)}, where only a regular file belongs`,
      remedy: "Find out who put it there and move it away.",
    });
  }
  const folder = statOf(dirname(path));
  if (folder !== undefined && (folder.mode & 0o022) !== 0 && (folder.mode & 0o1000) === 0) {
    notes.problem(dirname(path), {
      observed: `its mode is ${modeOf(folder)}, so that others can replace the database`,
      remedy: `Run \`chmod go-w ${dirname(path)}\`.`,
    });
  }
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function modeOf(stat: Stats): string {
  return (stat.mode & 0o7777).toString(8).padStart(4, "0");
}

function kindOf(stat: Stats): string {
  if (stat.isSymbolicLink()) return "a symbolic link";
  return stat.isDirectory() ? "a directory" : "a special file";
}
