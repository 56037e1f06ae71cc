/** Transcripts: what was read, and what its owner is about to delete. */
import { AGENT_NAMES, AGENTS, type TranscriptSources } from "../ingest/agents.ts";
import type { TranscriptFile } from "../ingest/ingester.ts";
import { stampOf } from "../ingest/ingester.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { type TopicReport, TopicNotes } from "./finding.ts";

const DAY_MS = 86_400_000;
/** A file that goes within this time is about to go. */
const SOON_MS = 3 * DAY_MS;

export interface SourcesQuestion {
  readonly store: UsageStore;
  readonly sources: TranscriptSources;
  /** After how many days without a change Claude Code deletes a transcript at its start; null for never. */
  readonly claudeKeepsDays: number | null;
  readonly now: number;
}

/** Looks at names and attributes of the transcripts; reads none of them. */
export function examineSources({
  store,
  sources,
  claudeKeepsDays,
  now,
}: SourcesQuestion): TopicReport {
  const notes = new TopicNotes("sources");
  notes.fact("claudeKeepsDays", claudeKeepsDays);
  const rows = [];
  for (const agent of AGENT_NAMES) {
    const { files, unreadable } = filesOf(agent, sources[agent] ?? []);
    const known = store.sources.list(agent);
    const stamps = new Map(known.map((source) => [source.path, source.stamp]));
    const unread = files.filter((file) => stamps.get(file.path) !== stampOf(file));
    const keptMs = agent === "claude" && claudeKeepsDays !== null ? claudeKeepsDays * DAY_MS : null;
    const leaving =
      keptMs === null
        ? []
        : files.filter(({ modifiedAtMs }) => now - modifiedAtMs > keptMs - SOON_MS);
    rows.push({
      agent,
      files: files.length,
      unread: unread.length,
      gone: known.filter(({ missing_since }) => missing_since !== null).length,
      leavingSoon: leaving.length,
      daysLeaving: daysOf(leaving),
      oldestAt:
        files.length === 0 ? null : Math.trunc(Math.min(...files.map((f) => f.modifiedAtMs))),
    });
    for (const { path, reason } of unreadable) {
      notes.problem(path, {
        observed: `it cannot be read (${reason})`,
        remedy: "Make it readable for the user who runs `usagedb sync`.",
      });
    }
    const lost = leaving.filter((file) => unread.includes(file));
    if (lost.length > 0) {
      notes.problem(AGENTS[agent].title, {
        observed: `${lost.length} transcript(s) of ${daysOf(lost)} day(s) are about to be deleted by their owner and are not read to their end`,
        remedy: "Run `usagedb sync`.",
        fix: "sync",
      });
    }
  }
  notes.fact("agents", rows);
  return notes.report();
}

/** On how many days (of UTC) files were last changed. */
function daysOf(files: readonly TranscriptFile[]): number {
  return new Set(files.map(({ modifiedAtMs }) => Math.trunc(modifiedAtMs / DAY_MS))).size;
}

function filesOf(
  agent: (typeof AGENT_NAMES)[number],
  roots: readonly string[],
): { files: TranscriptFile[]; unreadable: { path: string; reason: string }[] } {
  const unreadable: { path: string; reason: string }[] = [];
  if (roots.length === 0) return { files: [], unreadable };
  const ingester = AGENTS[agent].ingester();
  const files = roots.flatMap((root) =>
    ingester.discover(root, (path, reason) => unreadable.push({ path, reason })),
  );
  return { files, unreadable };
}
