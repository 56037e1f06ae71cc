/** What maintenance did or would do, for people. */
import type { JobReport, MaintainReport } from "../retention/job.ts";
import { grouped } from "./usage-text.ts";

/** The table of a run, or of a dry run, with a closing line. */
export async function renderMaintenance(report: MaintainReport): Promise<string> {
  const { renderTable } = await import("./table.ts");
  return report.isDryRun
    ? `${renderTable(
        [
          { title: "job" },
          { title: "rows", align: "right" },
          { title: "frees", align: "right" },
          { title: "about", align: "right" },
          { title: "afterwards" },
        ],
        report.jobs.map(estimatedRow),
      )}\nNothing was done.`
    : `${renderTable(
        [
          { title: "job" },
          { title: "outcome" },
          { title: "rows", align: "right" },
          { title: "freed", align: "right" },
          { title: "took", align: "right" },
        ],
        report.jobs.map(doneRow),
      )}\n${report.isComplete ? "Everything that was due is done" : "Not everything is done"}, in ${duration(report.durationMs)}.`;
}

function estimatedRow({ job, outcome, estimate, error }: JobReport): string[] {
  if (estimate === undefined)
    return [
      job,
      "",
      "",
      "",
      outcome === "failed" ? `cannot tell: ${error?.code ?? ""}` : "not due",
    ];
  const { rows, bytes, expectedMs, staysAnswerable } = estimate;
  return [job, grouped(rows), size(bytes), duration(expectedMs), staysAnswerable];
}

function doneRow({ job, outcome, reason, rows, bytes, durationMs }: JobReport): string[] {
  if (outcome === "skipped") return [job, reason ?? outcome, "", "", ""];
  return [job, outcome, grouped(rows), size(bytes), duration(durationMs)];
}

/** What somebody should know who reads no table: a sentence a job that did not reach its end. */
export function remarksOn({ jobs }: MaintainReport): string[] {
  return jobs.flatMap((report) => {
    const { job, outcome, error, detail, reason } = report;
    if (error !== undefined) return [`${job}: ${error.message}. ${error.hint}`];
    const framesLeft = detail["framesLeft"];
    if (detail["isBusy"] === true)
      return [
        `${job}: a reader or writer was in the way${typeof framesLeft === "number" ? `; ${framesLeft} frames of the WAL are left` : ""}.`,
      ];
    if (outcome === "partial" || reason === "no time left")
      return [`${job}: its time ran out; the next run goes on.`];
    return [];
  });
}

export function size(bytes: number): string {
  for (const [unit, unitBytes] of [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const)
    if (bytes >= unitBytes) return `${(bytes / unitBytes).toFixed(1)} ${unit}`;
  return `${Math.round(bytes)} B`;
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}
