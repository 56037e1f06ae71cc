/** Syncing as the command line does it: where to look, progress, and what was odd. */
import { claudeRoots } from "../ingest/claude/roots.ts";
import { type SyncReport, syncTranscripts } from "../ingest/sync.ts";
import type { UsageDb } from "../usage-db.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./output.ts";
import { megabytes, ProgressLine } from "./progress.ts";

/** Lines named one by one on the terminal; all are counted. */
const LISTED_LINES = 5;

export interface TranscriptSync {
  readonly report: SyncReport;
  /** Where transcripts were looked for. */
  readonly roots: readonly string[];
}

export async function syncFromContext(
  db: UsageDb,
  { env, output, interruptSignal }: CommandContext,
): Promise<TranscriptSync> {
  const roots = claudeRoots({
    configDir: env["CLAUDE_CONFIG_DIR"],
    xdgConfigHome: env["XDG_CONFIG_HOME"],
    home: env["HOME"] ?? env["USERPROFILE"] ?? "",
  });
  const progress = new ProgressLine("Reading transcripts", output.isQuiet);
  try {
    const report = await syncTranscripts(db, {
      claudeRoots: roots,
      signal: interruptSignal(),
      onEvent: (event) => {
        if (event.type === "progress")
          progress.update(event.bytesRead, event.bytesTotal, megabytes);
      },
    });
    return { report, roots };
  } finally {
    progress.clear();
  }
}

/** Says what a sync could not use, and where nothing was found. */
export async function warnAboutSync(
  { report, roots }: TranscriptSync,
  { output }: CommandContext,
): Promise<void> {
  if (report.malformedCount > 0) {
    const lines = report.malformed
      .slice(0, LISTED_LINES)
      .map(({ path, line, reason }) => `  ${printable(path)}:${line}  ${printable(reason)}`);
    const more = report.malformedCount - lines.length;
    await output.warn(
      [
        `${report.malformedCount} malformed line(s) were passed over:`,
        ...lines,
        ...(more > 0 ? [`  and ${more} more`] : []),
      ].join("\n"),
    );
  }
  if (report.unreadable.length > 0) {
    const lines = report.unreadable
      .slice(0, LISTED_LINES)
      .map(({ path, reason }) => `  ${printable(path)}  ${reason}`);
    await output.warn(
      [`${report.unreadable.length} file(s) or folder(s) could not be read:`, ...lines].join("\n"),
    );
  }
  if (report.filesFound === 0 && report.filesMissing === 0) {
    await output.warn(
      [
        "No transcripts of Claude Code were found. Looked in:",
        ...roots.map((root) => `  ${printable(root)}`),
        "Set CLAUDE_CONFIG_DIR to the folder that holds `projects`, and run it again.",
      ].join("\n"),
    );
  }
}

/** One line on what a sync did. */
export function summarizeSync({
  filesFound,
  filesRead,
  filesMissing,
  messages,
  bytesRead,
}: SyncReport): string {
  if (filesRead === 0)
    return `Nothing new in ${filesFound} transcript(s)${filesMissing > 0 ? `; ${filesMissing} gone, their usage kept` : ""}.`;
  const parts = [
    `Read ${megabytes(bytesRead)} from ${filesRead} of ${filesFound} transcript(s)`,
    `${messages.inserted} new message(s)`,
  ];
  if (messages.updated > 0) parts.push(`${messages.updated} updated`);
  if (filesMissing > 0) parts.push(`${filesMissing} transcript(s) gone, their usage kept`);
  return `${parts.join(", ")}.`;
}
