/** What was forgotten, and what is still to be found, for people. */
import type { ForgetReport } from "../forget/forget.ts";
import { printable } from "./output.ts";

type Counts = Readonly<Record<string, number>>;

export function renderPlan({ sessions, deleted, anonymised, transcripts }: ForgetReport): string {
  return [
    `It is about ${sessions} session(s).`,
    ...countLines("would be deleted", deleted),
    ...countLines("would lose their names and stay in the sums", anonymised),
    ...(transcripts.length === 0
      ? []
      : [`${transcripts.length} transcript(s) would not be read again.`]),
  ].join("\n");
}

export function renderForgetting(report: ForgetReport): string {
  return [
    `Forgot ${report.sessions} session(s).`,
    ...countLines("deleted", report.deleted),
    ...countLines("lost their names and stay in the sums", report.anonymised),
    ...(report.refusedEvents > 0
      ? [`  ${report.refusedEvents} refused hook event(s) were taken out.`]
      : []),
    ...report.backups.map(({ path, sha256, error }) =>
      error === null
        ? `Rewrote ${printable(path)} (sha256 ${sha256?.slice(0, 12)}…).`
        : `${printable(path)} was left as it is: ${printable(error.message)} (${error.code})`,
    ),
    ...transcriptLines(report),
    ...proofLines(report),
  ].join("\n");
}

function countLines(what: string, counts: Counts): string[] {
  return Object.entries(counts).map(([table, rows]) => `  ${table}: ${rows} row(s) ${what}`);
}

function transcriptLines({ transcripts }: ForgetReport): string[] {
  if (transcripts.length === 0) return [];
  return [
    `${transcripts.length} transcript(s) of the agents still tell of it; sync passes them over, but only their agent can delete them:`,
    ...transcripts.slice(0, 5).map((path) => `  ${printable(path)}`),
  ];
}

function proofLines(report: ForgetReport): string[] {
  const lines = report.found.map(
    ({ path, count, firstOffset }) =>
      `Still found ${count} time(s) in ${printable(path)}, first at byte ${firstOffset}.`,
  );
  for (const { path, table, column, rows, firstId } of report.compacted.found)
    lines.push(
      `Still found in ${rows} compacted ${column} of ${table} in ${printable(path)}, first in row ${firstId}.`,
    );
  for (const { path, unreadable } of report.unsearched)
    lines.push(`${printable(path)} could not be searched: ${unreadable}.`);
  if (!report.isVacuumed)
    lines.push("The file could not be written anew: free pages may have some of it; run it again.");
  if (report.isWalBusy)
    lines.push(
      "Another process reads: the WAL could not be emptied; run it again when it is done.",
    );
  if (report.shortTexts > 0)
    lines.push(`${report.shortTexts} text(s) are too short to be searched for.`);
  if (report.isProved)
    lines.push(
      `None of ${report.searchedTexts} text(s) stands in any of the files any more; ${report.compacted.searched} compacted text(s) were expanded and looked at.`,
    );
  return lines;
}
