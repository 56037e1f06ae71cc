/** Forgetting in a backup: a new one is made of it and verified before the old one goes. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { backupDatabase, flush, verifiedHash } from "../engine/sqlite/backup.ts";
import { openUntouched } from "../engine/sqlite/open-untouched.ts";
import { UsageDbError } from "../errors.ts";
import { emptySpace, forgetInTables } from "./tables.ts";
import type { ForgetTarget } from "../retention/forget/target.ts";
import { refuseForeign } from "../store/schema.ts";
import { openUsageDb } from "../usage-db.ts";

export interface ForgottenBackup {
  readonly path: string;
  /** Of the new one; null when the old one had to stay. */
  readonly sha256: string | null;
  /** Why the old one had to stay, as a code and a message; null when it is gone. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

/**
 * Rewrites a backup through SQLite, at the newest version; its name stays. What fails leaves the old one as it was
 * and is told, because the others are still to be cleaned.
 */
export function forgetInBackup(
  path: string,
  target: ForgetTarget,
  { keepsSums, ...clock }: { readonly keepsSums: boolean; readonly now?: () => number },
): ForgottenBackup {
  const id = crypto.randomUUID();
  const work = join(dirname(path), `.${basename(path)}.${id}${MARK}`);
  const fresh = `${work}.new`;
  try {
    removeDrafts(path);
    // A damaged backup with a new hash would pass for a whole one.
    verifiedHash(path);
    copyBackup(path, work);
    {
      using db = openUsageDb(work, { mode: "existing", ...clock });
      forgetInTables(db, target, keepsSums);
      emptySpace(db.connection);
      backupDatabase(db.connection, fresh);
    }
    return { path, sha256: replace(path, fresh), error: null };
  } catch (error) {
    if (!(error instanceof UsageDbError)) throw error;
    return { path, sha256: null, error: { code: error.code, message: error.message } };
  } finally {
    removeDrafts(path);
  }
}

/** By which drafts are known; what a killed run left is as old as the backup, and has all of it. */
const MARK = ".forgetting";

/** The caller holds the lock that lets one process at a time make such drafts. */
function removeDrafts(path: string): void {
  const folder = dirname(path);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    // A backup of a draft has a draft of its own, with one more dot.
    const isDraft = name.replace(/^\.+/, ".").startsWith(`.${basename(path)}.`);
    if (isDraft && name.startsWith(".") && name.includes(MARK)) rmSync(join(folder, name));
  }
}

function copyBackup(path: string, work: string): void {
  using backup = openUntouched(path);
  refuseForeign(backup);
  // The file itself is open without the right to write; what is written is another.
  backup.runOnce("PRAGMA query_only = OFF");
  closeSync(openSync(work, "wx", 0o600));
  backup.prepare("VACUUM INTO ?", `copy ${path}`).run(work);
}

/**
 * The old hash goes first: cut off in between, there is a whole backup without one, never a backup with another's.
 */
function replace(path: string, fresh: string): string {
  const sha256 = readFileSync(`${fresh}.sha256`, "utf8").slice(0, 64);
  rmSync(`${path}.sha256`, { force: true });
  renameSync(fresh, path);
  writeFileSync(`${path}.sha256`, `${sha256}  ${basename(path)}\n`, { mode: 0o600, flag: "wx" });
  flush(dirname(path));
  return sha256;
}
