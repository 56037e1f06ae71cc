/** Syncing as the command line does it: where to look, progress, and what was odd. */
import { AGENT_NAMES, AGENTS, type AgentName, type TranscriptSources } from "../ingest/agents.ts";
import { drainBeside } from "../ingest/hooks/drain-spool.ts";
import { spoolPath } from "../ingest/hooks/spool.ts";
import type { SyncReport } from "../ingest/sync.ts";
import { transcriptSources } from "../ingest/transcript-sources.ts";
import type { UsageDb } from "../usage-db.ts";
import { syncTranscripts } from "../usage-sync.ts";
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

/** Where this machine's agents keep their transcripts, by the environment that they read themselves. */
export function sourcesFromContext({ env }: Pick<CommandContext, "env">): TranscriptSources {
  return transcriptSources({
    configDir: env["CLAUDE_CONFIG_DIR"],
    xdgConfigHome: env["XDG_CONFIG_HOME"],
    xdgDataHome: env["XDG_DATA_HOME"],
    codexHome: env["CODEX_HOME"],
    opencodeDb: env["OPENCODE_DB"],
    geminiCliHome: env["GEMINI_CLI_HOME"],
    home: env["HOME"] ?? env["USERPROFILE"] ?? "",
  });
}

/** What syncing needs of a context; `onProgress` is told of bytes where the progress line is not the place. */
export type SyncContext = Pick<CommandContext, "env" | "output" | "interruptSignal"> & {
  readonly onProgress?: (done: number, total: number) => void;
};

/** @param agents only these; all of them when left out. */
export async function syncFromContext(
  db: UsageDb,
  { env, output, interruptSignal, onProgress }: SyncContext,
  agents: readonly AgentName[] = AGENT_NAMES,
): Promise<TranscriptSync> {
  await bringInSpooled(db, output);
  const all = sourcesFromContext({ env });
  const sources = Object.fromEntries(
    agents.flatMap((agent) => (all[agent] === undefined ? [] : [[agent, all[agent]]])),
  ) as TranscriptSources;
  const progress = new ProgressLine("Reading transcripts", output.isQuiet);
  try {
    const report = await syncTranscripts(db, {
      sources,
      signal: interruptSignal(),
      onEvent: (event) => {
        if (event.type !== "progress") return;
        onProgress?.(event.bytesRead, event.bytesTotal);
        progress.update(event.bytesRead, event.bytesTotal, megabytes);
      },
    });
    return { report, roots: Object.values(sources).flat() };
  } finally {
    progress.clear();
  }
}

/** Hook events that came while the database was busy. */
async function bringInSpooled(db: UsageDb, output: CommandContext["output"]): Promise<void> {
  const { stored, refused } = drainBeside(db, db.now());
  if (stored > 0) output.note(`Brought in ${stored} spooled hook event(s).`);
  if (refused > 0)
    await output.warn(
      `${refused} spooled line(s) are no events; they are kept in ${spoolPath(db.connection.path)}.refused.`,
    );
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
  if (report.forgotten + report.filesForgotten > 0)
    output.note(
      `Passed over what was forgotten: ${report.forgotten} record(s), and ${report.filesForgotten} transcript(s) unread.`,
    );
  if (report.filesFound + report.filesForgotten === 0 && report.filesMissing === 0) {
    await output.warn(
      [
        "No transcripts were found. Looked in:",
        ...roots.map((root) => `  ${printable(root)}`),
        "Set CLAUDE_CONFIG_DIR, CODEX_HOME, XDG_DATA_HOME or GEMINI_CLI_HOME, and run it again.",
      ].join("\n"),
    );
  }
}

/** One line on what a sync did, and one for each agent where there are several. */
export function summarizeSync(report: SyncReport): string {
  const { filesFound, filesRead, filesMissing, messages, bytesRead, agents } = report;
  if (filesRead === 0)
    return `Nothing new in ${filesFound} transcript(s)${filesMissing > 0 ? `; ${filesMissing} gone, their usage kept` : ""}.`;
  const parts = [
    `Read ${megabytes(bytesRead)} from ${filesRead} of ${filesFound} transcript(s)`,
    `${messages.inserted} new message(s)`,
  ];
  if (messages.updated > 0) parts.push(`${messages.updated} updated`);
  if (filesMissing > 0) parts.push(`${filesMissing} transcript(s) gone, their usage kept`);
  const read = agents.filter((agent) => agent.filesRead > 0);
  const lines = read.map(
    (agent) =>
      `  ${AGENTS[agent.agent].title}: ${megabytes(agent.bytesRead)} from ${agent.filesRead} of ${agent.filesFound}, ${agent.messages.inserted} new message(s)`,
  );
  return [`${parts.join(", ")}.`, ...(read.length > 1 ? lines : [])].join("\n");
}
