/** Links in the place of a database's files: writing through one changes a file that has another name. */
import { lstatSync, type Stats } from "node:fs";

/** What SQLite keeps beside a database, and opens by its name alone. */
const COMPANIONS: readonly string[] = ["-wal", "-shm", "-journal"];

export interface LinkRule {
  /** For a file that is only read and that nobody writes, a backup: further names do no harm. */
  readonly mayHaveNames?: boolean;
}

export interface RefusedFile {
  readonly path: string;
  readonly observed: string;
}

/**
 * The first file of a database that is no regular file with this one name; null when there is none such.
 * SQLite itself follows no symbolic link to a companion, but it writes into a hard link as into any file, and a
 * database that is open under two names has two WALs and is soon damaged.
 * @throws what the file system throws for a folder that may not be searched.
 */
export function findLink(
  path: string,
  { mayHaveNames = false }: LinkRule = {},
): RefusedFile | null {
  for (const file of [path, ...COMPANIONS.map((suffix) => `${path}${suffix}`)]) {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat === undefined || (file === path && mayHaveNames && stat.isFile())) continue;
    const observed = describeLink(stat);
    if (observed !== null) return { path: file, observed };
  }
  return null;
}

/** True for a name that SQLite would take for a part of the database. */
export function isCompanion(path: string, database: string): boolean {
  return COMPANIONS.some((suffix) => path === `${database}${suffix}`);
}

/** Why a file is not to be written to by its name; null when it may be. */
export function describeLink(stat: Stats): string | null {
  if (stat.isSymbolicLink()) return "it is a symbolic link";
  if (stat.isDirectory()) return "it is a directory";
  if (!stat.isFile()) return "it is a special file";
  return stat.nlink > 1 ? `it has ${stat.nlink} names (hard links)` : null;
}
