/** The lines of a Codex rollout. There is no schema: what is unknown passes, what is missing is tolerated. */
import { basename } from "node:path";
import { plainPath } from "../compressed-file.ts";
import type { LimitRecord, LineRecord, MessageRecord } from "../ingester.ts";
import { type Fields, fieldsOf, isFields, textOf, timeOf } from "../json-fields.ts";
import type { LineReader } from "../line-format.ts";
import { type CodexState, restoredState } from "./codex-state.ts";
import { isSameLimit, readRateLimits } from "./rate-limits.ts";
import { growthOf, isSameUsage, readTokenUsage, type TokenUsage } from "./token-usage.ts";

const OTHER: LineRecord = { kind: "other" };
const FILE_ID = /([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;
/** Copied lines are written in one go; no model answers so soon after a session began. */
const REPLAY_GAP_MS = 500;

export class CodexReader implements LineReader {
  readonly #state: CodexState;
  /** From the file's name, for a rollout without a first line that says more. */
  readonly #fileId: string;

  constructor(path: string, state: unknown) {
    this.#state = restoredState(state);
    const name = basename(plainPath(path), ".jsonl");
    this.#fileId = FILE_ID.exec(name)?.[1] ?? name;
  }

  state(): string {
    return JSON.stringify(this.#state);
  }

  read(line: unknown): LineRecord | readonly LineRecord[] {
    if (!isFields(line)) return { kind: "malformed", reason: "not a JSON object" };
    const payload = fieldsOf(line["payload"]);
    const timestamp = timeOf(line["timestamp"]);
    if (line["type"] === "session_meta") return this.#readSession(payload, timestamp);
    if (line["type"] === "turn_context") return this.#readTurn(payload);
    if (line["type"] !== "event_msg" || payload["type"] !== "token_count") return OTHER;
    if (timestamp === undefined)
      return { kind: "malformed", reason: "a token count without a valid timestamp" };
    return this.#readTokenCount(payload, timestamp);
  }

  /** The first one is the file's own; in a copy the parent's follows, with its history. */
  #readSession(payload: Fields, timestamp: number | undefined): LineRecord {
    const state = this.#state;
    const id = textOf(payload["id"]);
    if (state.sessionId === null) {
      const parent = parentOf(payload);
      state.sessionId = id ?? this.#fileId;
      state.project = textOf(payload["cwd"]) ?? null;
      state.isSidechain = parent === "subagent";
      // The session itself may be older than the line that says so: nothing is written before the first question.
      state.begunAt = timestamp ?? timeOf(payload["timestamp"]) ?? null;
      if (parent !== null) this.#expectReplay();
    } else if (id !== state.sessionId && state.total === null && state.replayedUntil === null) {
      // Older copies name no parent: its own first line, right behind, gives them away.
      this.#expectReplay();
    }
    return OTHER;
  }

  #expectReplay(): void {
    this.#state.replayedUntil = this.#state.begunAt;
  }

  #readTurn(payload: Fields): LineRecord {
    const state = this.#state;
    state.model = textOf(payload["model"]) ?? state.model;
    state.project ??= textOf(payload["cwd"]) ?? null;
    return OTHER;
  }

  #readTokenCount(payload: Fields, timestamp: number): LineRecord | readonly LineRecord[] {
    const state = this.#state;
    const info = fieldsOf(payload["info"]);
    const total = readTokenUsage(info["total_token_usage"]);
    const last = readTokenUsage(info["last_token_usage"]);
    if (total === undefined || last === undefined)
      return { kind: "malformed", reason: "a token count that is not a whole number from 0" };
    const before = state.total;
    if (total !== null) state.total = total;
    // Without counts it is only news of limits: a copied one is old news, and none of them ends the copied ones.
    if (total === null && last === null) {
      return state.replayedUntil === null ? this.#changedLimits(payload, timestamp) : OTHER;
    }
    if (this.#isReplayed(timestamp)) return OTHER;
    const records: LineRecord[] = this.#changedLimits(payload, timestamp);
    const isRepeat = total !== null && before !== null && isSameUsage(total, before);
    const usage = last ?? (total === null ? null : growthOf(total, before));
    if (isRepeat || usage === null || usage.input + usage.output === 0) return records;
    const model = textOf(payload["model"]) ?? textOf(info["model"]) ?? state.model ?? "unknown";
    records.push(this.#messageOf(usage, { timestamp, total, model }));
    return records;
  }

  #messageOf(
    usage: TokenUsage,
    { timestamp, total, model }: { timestamp: number; total: TokenUsage | null; model: string },
  ): MessageRecord {
    const cached = Math.min(usage.cached, usage.input);
    const written = Math.min(usage.written, usage.input - cached);
    return {
      kind: "message",
      messageId: messageIdOf(timestamp, usage, total),
      requestId: "",
      ...this.#whose(),
      model,
      timestamp,
      isSidechain: this.#state.isSidechain,
      inputTokens: usage.input - cached - written,
      outputTokens: usage.output,
      cacheWrite5mTokens: written,
      cacheWrite1hTokens: 0,
      cacheReadTokens: cached,
      reportedCostUsd: null,
    };
  }

  #changedLimits(payload: Fields, timestamp: number): LimitRecord[] {
    const known = this.#state.limits;
    return readRateLimits(payload["rate_limits"], timestamp).flatMap((limit) => {
      const key = String(limit.windowMinutes);
      if (isSameLimit(known[key], limit)) return [];
      known[key] = limit;
      return [{ kind: "limit", ...this.#whose(), timestamp, ...limit }];
    });
  }

  #whose(): { readonly sessionId: string; readonly project: string } {
    const { sessionId, project } = this.#state;
    return { sessionId: sessionId ?? this.#fileId, project: project ?? "" };
  }

  /**
   * True while a copy repeats its parent's history: counts older than the copy's first line (some keep their time),
   * those of the second in which it was written, and what follows them without a pause, since a long history may
   * take longer than a second to write. The first count beyond ends it for good.
   */
  #isReplayed(timestamp: number): boolean {
    const { begunAt, replayedUntil } = this.#state;
    if (begunAt === null || replayedUntil === null) return false;
    const isOwn =
      secondOf(timestamp) !== secondOf(begunAt) && timestamp - replayedUntil > REPLAY_GAP_MS;
    this.#state.replayedUntil = isOwn ? null : Math.max(replayedUntil, timestamp);
    return !isOwn;
  }
}

/** What a session is a copy of; null for one that began by itself. */
function parentOf(meta: Fields): "fork" | "subagent" | null {
  const subagent = fieldsOf(meta["source"])["subagent"];
  if (subagent !== undefined && subagent !== null) return "subagent";
  if (textOf(meta["parent_thread_id"]) !== undefined) return "subagent";
  return textOf(meta["forked_from_id"]) === undefined ? null : "fork";
}

function secondOf(timestamp: number): number {
  return Math.floor(timestamp / 1000);
}

/**
 * Codex names no response, so its moment and its counts have to do: a copy of a line, in whatever file, gives the
 * same id, and no two responses share their millisecond, every count and the running total.
 */
function messageIdOf(timestamp: number, usage: TokenUsage, total: TokenUsage | null): string {
  const { input, cached, output, reasoning } = usage;
  const parts = [timestamp, total?.total ?? 0, input, cached, output, reasoning];
  return parts.map((part) => part.toString(36)).join("-");
}
