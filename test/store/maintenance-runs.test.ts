import { describe, expect, it } from "bun:test";
import type { EndedRun } from "../../src/store/maintenance-runs.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";

const DONE: EndedRun = { outcome: "done", rows: 0, bytes: 0, detail: {}, error: null };
const MINUTE = 60_000;

describe("db.maintenanceRuns", () => {
  it("has a run while it goes on, and how it ended", () => {
    using clocked = clockedDb();
    const { maintenanceRuns } = clocked.db;
    const id = maintenanceRuns.begin("prune", { pid: 7 });
    expect(maintenanceRuns.running()).toMatchObject({
      id,
      job: "prune",
      outcome: "running",
      ended_at: null,
    });
    clocked.time += MINUTE;
    maintenanceRuns.end(id, { ...DONE, rows: 3, bytes: 400, detail: { chunks: 1 } });
    expect(maintenanceRuns.running()).toBeNull();
    expect(maintenanceRuns.lastOf("prune")).toEqual({
      id,
      job: "prune",
      started_at: NOON,
      ended_at: NOON + MINUTE,
      outcome: "done",
      rows: 3,
      bytes: 400,
      detail: '{"chunks":1}',
      error: null,
    });
  });

  it("closes what dead processes left, without inventing when they ended", () => {
    using clocked = clockedDb();
    const { maintenanceRuns } = clocked.db;
    maintenanceRuns.begin("prune", {});
    maintenanceRuns.begin("fold", {});
    expect(maintenanceRuns.closeAbandoned()).toBe(2);
    expect(maintenanceRuns.closeAbandoned()).toBe(0);
    expect(maintenanceRuns.list().map(({ outcome, ended_at }) => [outcome, ended_at])).toEqual([
      ["interrupted", null],
      ["interrupted", null],
    ]);
  });

  it("keeps one row of runs that found nothing to do, and every other", () => {
    using clocked = clockedDb();
    const { maintenanceRuns } = clocked.db;
    const run = (ended: Partial<EndedRun> = {}, job = "prune"): void => {
      clocked.time += MINUTE;
      maintenanceRuns.end(maintenanceRuns.begin(job, {}), { ...DONE, ...ended });
    };
    run({ rows: 5 });
    run();
    run({}, "fold");
    run();
    run();
    run({ outcome: "failed", error: "DATABASE_FULL" });
    run();
    run();
    expect(
      maintenanceRuns.list().map(({ job, outcome, rows, detail }) => [job, outcome, rows, detail]),
    ).toEqual([
      ["prune", "done", 0, JSON.stringify({ idleRuns: 1, idleSince: NOON + 7 * MINUTE })],
      ["prune", "failed", 0, "{}"],
      ["prune", "done", 0, JSON.stringify({ idleRuns: 2, idleSince: NOON + 2 * MINUTE })],
      ["fold", "done", 0, "{}"],
      ["prune", "done", 5, "{}"],
    ]);
  });

  it("lists by job, newest first, as many as asked for", () => {
    using clocked = clockedDb();
    const { maintenanceRuns } = clocked.db;
    for (const rows of [1, 2, 3])
      maintenanceRuns.end(maintenanceRuns.begin("prune", {}), { ...DONE, rows });
    maintenanceRuns.end(maintenanceRuns.begin("fold", {}), { ...DONE, rows: 9 });
    expect(maintenanceRuns.list({ job: "prune", limit: 2 }).map(({ rows }) => rows)).toEqual([
      3, 2,
    ]);
    expect(maintenanceRuns.list({ limit: 2 }).map(({ rows }) => rows)).toEqual([9, 3]);
    expect(maintenanceRuns.lastOf("vacuum")).toBeNull();
    expect(() => maintenanceRuns.list({ jobs: "prune" } as never)).toThrow("is not known");
  });
});
