/** The job that turns old texts into zstd frames, and back into texts where the policy was switched off. */
import type { UsageStore } from "../store/usage-store.ts";
import { DAY_MS, trustedNow } from "./clock.ts";
import { COMPACTABLES, type Compactable, CompactableTable } from "./compactable.ts";
import { type Bookmark, TableCompaction } from "./compaction.ts";
import { estimateCompaction } from "./compaction-estimate.ts";
import { expandTable } from "./expansion.ts";
import type { JobContext, JobResult, MaintenanceJob } from "./job.ts";

/** What the run's row keeps of each table. */
type TableDetail =
  | {
      readonly state: "compacted";
      readonly texts: number;
      readonly bytesBefore: number;
      readonly bytesAfter: number;
      readonly incompressible: number;
      readonly bookmark: Bookmark;
    }
  | {
      readonly state: "expanding" | "plain";
      readonly texts: number;
      readonly bytesBefore: number;
      readonly bytesAfter: number;
    };

const FROM_THE_START: Bookmark = { throughMs: 0, throughId: 0 };
/** Runs without a bookmark are those that failed; far back, everything is looked at anew, which does no harm. */
const REMEMBERED_RUNS = 50;
/** Payloads are heavier than a prune's rows: a chunk of a few dozen may have the lock for long enough. */
const CHUNK_ROWS = { min: 16, max: 1000 };

export const compactJob: MaintenanceJob = {
  name: "compact",
  description: "compress old payloads; they are read as before",

  async estimate(store, options) {
    const now = trustedNow(store, options.trustClock === true);
    const known = lastDetails(store);
    return estimateCompaction(
      store,
      COMPACTABLES.flatMap((target) => {
        const afterMs = compactAfterMs(store, target);
        if (afterMs === null) return [];
        return [{ target, since: bookmarkOf(known[target.subject]), cutoff: now - afterMs }];
      }),
    );
  },

  async run(context) {
    const { store, pace, options } = context;
    pace.boundChunks(CHUNK_ROWS.min, CHUNK_ROWS.max);
    const now = trustedNow(store, options.trustClock === true);
    const known = lastDetails(store);
    const isNamed = options.jobs?.includes("compact") === true;
    const done: { subject: string; detail: TableDetail; isComplete: boolean }[] = [];
    for (const target of COMPACTABLES) {
      const { subject } = target;
      const before = known[subject];
      const afterMs = compactAfterMs(store, target);
      if (afterMs !== null) {
        const result = await compactTable(context, target, {
          since: bookmarkOf(before),
          cutoff: Math.min(now, store.now()) - Math.max(afterMs, MIN_AGE_MS),
        });
        done.push({ subject, ...result });
      } else if (isNamed || (before !== undefined && before.state !== "plain")) {
        done.push({ subject, ...(await expandAll(context, target)) });
      } else if (before !== undefined) {
        done.push({ subject, detail: { ...before, ...NO_TEXTS }, isComplete: true });
      }
    }
    return summary(done);
  },
};

/** Nothing younger is compacted, whatever the policy says: it is what everybody is looking at. */
const MIN_AGE_MS = DAY_MS / 24;
const NO_TEXTS = { texts: 0, bytesBefore: 0, bytesAfter: 0 } as const;

function compactAfterMs(store: UsageStore, { subject }: Compactable): number | null {
  return store.retention.get(subject, "compact_after_ms");
}

async function compactTable(
  { store, pace, progress }: JobContext,
  target: Compactable,
  { since, cutoff }: { readonly since: Bookmark; readonly cutoff: number },
): Promise<{ detail: TableDetail; isComplete: boolean }> {
  const work = new TableCompaction(new CompactableTable(store, target), {
    pace,
    onTexts: (count) => progress(count, null),
  });
  const { isComplete, ...rest } = await work.run(since, cutoff);
  return { detail: { state: "compacted", ...rest }, isComplete };
}

async function expandAll(
  { store, pace, progress }: JobContext,
  target: Compactable,
): Promise<{ detail: TableDetail; isComplete: boolean }> {
  const { isComplete, ...rest } = await expandTable(new CompactableTable(store, target), {
    pace,
    onTexts: (count) => progress(count, null),
  });
  return { detail: { state: isComplete ? "plain" : "expanding", ...rest }, isComplete };
}

function summary(
  done: readonly { subject: string; detail: TableDetail; isComplete: boolean }[],
): JobResult {
  const sum = (of: (detail: TableDetail) => number): number =>
    done.reduce((total, { detail }) => total + of(detail), 0);
  return {
    outcome: done.every(({ isComplete }) => isComplete) ? "done" : "partial",
    rows: sum(({ texts }) => texts),
    // An expansion frees nothing; what it takes stands in the detail.
    bytes: Math.max(
      0,
      sum(({ bytesBefore, bytesAfter }) => bytesBefore - bytesAfter),
    ),
    detail: Object.fromEntries(done.map(({ subject, detail }) => [subject, detail])),
  };
}

/** Each table's newest word, from the newest run that has one. */
function lastDetails(store: UsageStore): Readonly<Partial<Record<string, TableDetail>>> {
  const found: Record<string, TableDetail> = {};
  for (const { detail } of store.maintenanceRuns.list({ job: "compact", limit: REMEMBERED_RUNS })) {
    const tables = JSON.parse(detail) as Readonly<Record<string, TableDetail>> | null;
    for (const { subject } of COMPACTABLES) {
      const table = tables?.[subject];
      if (table !== undefined) found[subject] ??= table;
    }
    if (COMPACTABLES.every(({ subject }) => subject in found)) break;
  }
  return found;
}

function bookmarkOf(detail: TableDetail | undefined): Bookmark {
  return detail?.state === "compacted" ? detail.bookmark : FROM_THE_START;
}
