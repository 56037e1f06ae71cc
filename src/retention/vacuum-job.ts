/** The job that gives free pages back to the file system, a few at a time. */
import { OperationError } from "../errors.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import type { MaintainOptions, MaintenanceJob } from "./job.ts";

/** Free pages are used again by what is written next; below these there is nothing worth giving back. */
const WORTH_SHARE = 0.25;
const WORTH_BYTES = 16 << 20;
/** What stays free when the job was not asked for by name, of the pages that are in use. */
const RESERVE_SHARE = 0.05;
/** 1,000 pages take 10 to 35 ms; a writer should not wait for that. */
const STEP_PAGES = { min: 16, max: 400 };
/** Measured with its pauses. */
const PAGES_PER_MS = 8;
const INCREMENTAL = 2;

export const vacuumJob: MaintenanceJob = {
  name: "vacuum",
  description: "give free pages back to the file system, where they are a large part of the file",

  estimate({ connection }, options) {
    const { surplus, pageBytes } = spaceOf(connection, options);
    return {
      rows: 0,
      bytes: surplus * pageBytes,
      expectedMs: Math.ceil(surplus / PAGES_PER_MS),
      staysAnswerable: "Everything: no row is changed.",
    };
  },

  async run({ store: { connection }, pace, options, progress }) {
    const { surplus, pageBytes, freePages, autoVacuum } = spaceOf(connection, options);
    const before = { freePages, pageBytes, pages: numberOf(connection, "page_count") };
    if (surplus === 0) return { outcome: "done", rows: 0, bytes: 0, detail: before };
    if (autoVacuum !== INCREMENTAL) throw unavailable(connection, { ...before, autoVacuum });
    pace.boundChunks(STEP_PAGES.min, STEP_PAGES.max);
    let left = surplus;
    let goesOn = true;
    while (left > 0 && goesOn) {
      const pages = Math.min(left, pace.chunkRows);
      await pace.write(
        // Read to its end: the first row alone would free one page.
        () => connection.runOnce(`PRAGMA incremental_vacuum(${pages})`),
        "give free pages back",
      );
      left -= pages;
      progress(surplus - left, surplus);
      goesOn = await pace.after();
      // Somebody may have used free pages meanwhile.
      left = Math.min(left, numberOf(connection, "freelist_count"));
    }
    // The file shrinks when the WAL is moved into it.
    pace.checkpoint();
    const freed = before.pages - numberOf(connection, "page_count");
    return {
      outcome: left > 0 ? "partial" : "done",
      rows: 0,
      bytes: Math.max(0, freed) * pageBytes,
      detail: { ...before, freedPages: freed, busyCheckpoints: pace.busyCheckpoints },
    };
  },
};

interface Space {
  readonly pageBytes: number;
  readonly freePages: number;
  readonly autoVacuum: number;
  /** Pages to give back; 0 when it is not worth it. */
  readonly surplus: number;
}

function spaceOf(connection: Connection, options: MaintainOptions): Space {
  const pageBytes = numberOf(connection, "page_size");
  const freePages = numberOf(connection, "freelist_count");
  const pages = numberOf(connection, "page_count");
  const isNamed = options.jobs?.includes("vacuum") === true;
  const isWorthIt = freePages > pages * WORTH_SHARE && freePages * pageBytes > WORTH_BYTES;
  const reserve = Math.ceil((pages - freePages) * RESERVE_SHARE);
  const surplus = isNamed ? freePages : isWorthIt ? Math.max(0, freePages - reserve) : 0;
  return { pageBytes, freePages, surplus, autoVacuum: numberOf(connection, "auto_vacuum") };
}

function numberOf(connection: Connection, pragma: string): number {
  return Number(connection.readOnce(`PRAGMA ${pragma}`)[0]?.[0] ?? 0);
}

function unavailable(
  { path }: Connection,
  {
    freePages,
    pageBytes,
    autoVacuum,
  }: { freePages: number; pageBytes: number; autoVacuum: number },
): OperationError {
  const bytes = freePages * pageBytes;
  return new OperationError(
    "VACUUM_UNAVAILABLE",
    `Cannot give ${bytes} bytes of ${path} back: its auto_vacuum is ${autoVacuum === 0 ? "NONE" : "FULL"}, expected INCREMENTAL`,
    { details: { path, freeBytes: bytes, autoVacuum } },
  );
}
