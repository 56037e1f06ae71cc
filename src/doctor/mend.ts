/** What can be put right without losing anything. */
import { chmodSync } from "node:fs";
import { checkpoint } from "../engine/sqlite/checkpoint.ts";
import { mirroredVersion } from "../engine/sqlite/ledger.ts";
import { foldedUsage } from "../report/verify.ts";
import { rebuildAllHours } from "../store/rebuild-hours.ts";
import { rebuildAllTotals } from "../store/rebuild-totals.ts";
import type { UsageDb } from "../usage-db.ts";
import { looseFiles } from "./file.ts";
import type { Finding, Fix } from "./finding.ts";

export interface Mending {
  readonly fix: Fix;
  /** What was done, as a sentence. */
  readonly done: string;
}

export interface MendOptions {
  /** Absolute. */
  readonly path: string;
  readonly open: () => UsageDb;
  /** Reads what is new in the transcripts; answers what it did. */
  readonly sync: (db: UsageDb) => Promise<string>;
}

/** How long a checkpoint waits for a reader. */
const CHECKPOINT_WAIT_MS = 2000;

/** Files first, then the schema, then what needs both. */
const ORDER: readonly Fix[] = [
  "modes",
  "migrate",
  "mirror",
  "sums",
  "sync",
  "checkpoint",
  "maintain",
];

/** With one of these unwell, no job is run that deletes. */
const BARRING: ReadonlySet<string> = new Set(["schema", "integrity", "units"]);

/** Applies the fixes that findings name, each once; what cannot be done throws, and what was done before stays. */
export async function mend(findings: readonly Finding[], options: MendOptions): Promise<Mending[]> {
  const wanted = new Set(findings.flatMap(({ fix }) => (fix === null ? [] : [fix])));
  const done: Mending[] = [];
  const isBarred = findings.some(
    ({ topic, degree, fix }) => degree === "problem" && fix === null && BARRING.has(topic),
  );
  if (isBarred) wanted.delete("maintain");
  for (const fix of ORDER) {
    if (wanted.has(fix)) done.push({ fix, done: await apply(fix, options) });
  }
  return done;
}

async function apply(fix: Fix, { path, open, sync }: MendOptions): Promise<string> {
  if (fix === "modes") {
    const loose = looseFiles(path);
    for (const name of loose) chmodSync(name, 0o600);
    return `Gave ${loose.length} file(s) the mode 0600.`;
  }
  // Opening it for writing brings the schema up to date.
  using db = open();
  switch (fix) {
    case "migrate":
      return `The schema is at version ${db.migrations.status().currentVersion}.`;
    case "mirror":
      return mirrorHead(db);
    case "sync":
      // The database stays open until it is through.
      return await sync(db);
    case "sums":
      return sumAnew(db);
    case "maintain": {
      const { jobs } = await db.maintain();
      const list = jobs.map(({ job, outcome }) => `${job} ${outcome}`).join(", ");
      return `Ran the jobs that were due: ${list || "none"}.`;
    }
    case "checkpoint": {
      const { isBusy, walPages } = checkpoint(db.connection, CHECKPOINT_WAIT_MS);
      return isBusy ? `A reader keeps ${walPages} page(s) in the WAL.` : "Emptied the WAL.";
    }
  }
}

/** Only where all messages are rows, which is looked at again under the lock. */
function sumAnew(db: UsageDb): string {
  return db.connection.transaction(() => {
    if (foldedUsage(db) !== null) return "Messages were folded meanwhile: no sum was changed.";
    const hours = rebuildAllHours(db);
    const totals = rebuildAllTotals(db);
    return `Summed ${hours} hour(s) and ${totals} total(s) anew from the messages.`;
  }, "sum anew");
}

/** The ledger decides; the number is for those who cannot read it. */
function mirrorHead(db: UsageDb): string {
  const head = mirroredVersion(db.migrations.status().currentVersion);
  db.connection.runOnce(`PRAGMA user_version = ${head}`);
  return `Set user_version to ${head}, as the ledger says.`;
}
