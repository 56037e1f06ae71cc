/** Transcripts -> database: incrementally, in whole steps, whatever happens to files and processes meanwhile. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describeKind, InputError, OperationError, refuseValue } from "../errors.ts";
import { withBulkWrites } from "../engine/sqlite/bulk-writes.ts";
import { checkFunction, checkKeys, checkNonEmpty } from "../store/checks.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { AgentSync, type SyncFigures } from "./agent-sync.ts";
import { AGENT_NAMES, AGENTS, type AgentName, type TranscriptSources } from "./agents.ts";
import type { MalformedLine } from "./ingester.ts";
import { createLineBuffer } from "./line-reader.ts";
import type { ReadMoment } from "./session-snapshots.ts";

export type SyncEvent =
  | {
      readonly type: "progress";
      readonly bytesRead: number;
      readonly bytesTotal: number;
      readonly path: string;
    }
  | { readonly type: "unreadable"; readonly path: string; readonly reason: string }
  | { readonly type: "malformed"; readonly line: MalformedLine };

export interface SyncOptions {
  /** Where each agent keeps its transcripts; see `transcriptSources`. What does not exist is passed over. */
  readonly sources?: TranscriptSources;
  /** The same as `sources.claude`; see `claudeRoots`. */
  readonly claudeRoots?: readonly string[];
  /** Stops after the running batch; what was read stays. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SyncEvent) => void;
}

export interface AgentFigures extends SyncFigures {
  readonly agent: AgentName;
}

export interface SyncReport extends SyncFigures {
  /** Agents with a folder that exists, or with files that are gone; in the order of `AGENT_NAMES`. */
  readonly agents: readonly AgentFigures[];
  /** The first hundred, by file and line. */
  readonly malformed: readonly MalformedLine[];
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

const MAX_LISTED = 100;
/** So much to read is a first look, or one after a long time. */
const BULK_BYTES = 16 << 20;

/** What a sync needs of the layers above ingest. */
export interface SyncReports {
  readonly readMoment: ReadMoment;
}

/**
 * Reads what is new in every transcript; safe to repeat, to interrupt and to run twice at once.
 * Each batch commits its messages, hours, sessions, snapshots and file offsets together, so a kill leaves a
 * whole prefix.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 * @throws {OperationError} CANCELLED when the signal was aborted; what was committed stays.
 */
export async function ingestTranscripts(
  store: UsageStore,
  options: SyncOptions,
  { readMoment }: SyncReports,
): Promise<SyncReport> {
  checkKeys("syncTranscripts", options, ["sources", "claudeRoots", "signal", "onEvent"]);
  checkFunction("onEvent", options.onEvent);
  const { onEvent, signal } = options;
  const malformed: MalformedLine[] = [];
  const unreadable: { path: string; reason: string }[] = [];
  const progress = { bytesRead: 0, bytesTotal: 0 };
  const shared = {
    memory: createLineBuffer(),
    readMoment,
    onMalformed: (line: MalformedLine): void => {
      if (malformed.length < MAX_LISTED) malformed.push(line);
      onEvent?.({ type: "malformed", line });
    },
    onUnreadable: (path: string, reason: string): void => {
      unreadable.push({ path, reason });
      onEvent?.({ type: "unreadable", path, reason });
    },
    onRead: (bytes: number): void => {
      progress.bytesRead += bytes;
    },
    breathe: async (path: string): Promise<void> => {
      onEvent?.({ type: "progress", ...progress, path });
      // Lets the event loop turn: the signal, and whatever else the program does.
      await Bun.sleep(0);
      if (signal?.aborted !== true) return;
      throw new OperationError(
        "CANCELLED",
        "Cannot go on syncing: it was interrupted, expected to be run again",
      );
    },
  };
  const runs = checkedSources(options)
    .filter(([agent, roots]) => roots.some(existsSync) || store.sources.list(agent).length > 0)
    .map(([agent, roots]) => ({
      agent,
      run: new AgentSync(store, AGENTS[agent].ingester(), { roots, ...shared }),
    }));
  for (const { run } of runs) progress.bytesTotal += run.plan();
  const agents: AgentFigures[] = [];
  const isBulk = progress.bytesTotal >= BULK_BYTES;
  const read = async (): Promise<void> => {
    for (const { agent, run } of runs) agents.push({ agent, ...(await run.read(isBulk)) });
  };
  await (isBulk ? withBulkWrites(store.connection, read) : read());
  return { ...sumOf(agents), agents, malformed, unreadable };
}

/** A path is a source's name for good, so it must not depend on the folder that a program was started in. */
function checkedSources({ sources = {}, claudeRoots }: SyncOptions): [AgentName, string[]][] {
  checkKeys("syncTranscripts' sources", sources, AGENT_NAMES);
  if (claudeRoots !== undefined && sources.claude !== undefined) {
    throw new InputError(
      "VALUE_INVALID",
      "Cannot use claudeRoots: sources.claude is given too, expected one of them",
      { details: { field: "claudeRoots" }, hint: "Leave claudeRoots out." },
    );
  }
  if (claudeRoots === undefined && Object.keys(sources).length === 0)
    refuseValue("sources", "empty", "folders by agent");
  const all: TranscriptSources = claudeRoots === undefined ? sources : { claude: claudeRoots };
  return AGENT_NAMES.flatMap((agent): [AgentName, string[]][] => {
    const roots: unknown = all[agent];
    if (roots === undefined) return [];
    const field = claudeRoots === undefined ? `sources.${agent}` : "claudeRoots";
    if (!Array.isArray(roots)) return refuseValue(field, describeKind(roots), "a list of folders");
    return [[agent, roots.map((root) => resolve(checkNonEmpty(field, root)))]];
  });
}

function sumOf(parts: readonly SyncFigures[]): SyncFigures {
  const sum = (of: (part: SyncFigures) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  return {
    filesFound: sum((part) => part.filesFound),
    filesRead: sum((part) => part.filesRead),
    filesMissing: sum((part) => part.filesMissing),
    bytesRead: sum((part) => part.bytesRead),
    messages: {
      inserted: sum(({ messages }) => messages.inserted),
      updated: sum(({ messages }) => messages.updated),
      unchanged: sum(({ messages }) => messages.unchanged),
      replays: sum(({ messages }) => messages.replays),
    },
    events: sum((part) => part.events),
    limitSamples: sum((part) => part.limitSamples),
    sessionsChanged: sum((part) => part.sessionsChanged),
    snapshots: sum((part) => part.snapshots),
    malformedCount: sum((part) => part.malformedCount),
    forgotten: sum((part) => part.forgotten),
    filesForgotten: sum((part) => part.filesForgotten),
  };
}
