/** The lines that claim a message, judged by the one rule that storing them follows. */
import { isBetter, outranks, totalTokens } from "../store/message-rule.ts";
import type { UsageMessage } from "../store/usage-messages.ts";
import type { TokenCounts } from "../store/token-counts.ts";
import type { MessageRecord } from "./ingester.ts";

/** A line that was found in a file. */
export interface ClaimedLine {
  readonly agent: string;
  readonly path: string;
  readonly offset: number;
  readonly record: MessageRecord;
}

/** What became of a line; `counts` is the one that stands for the message. */
export type Verdict =
  | "counts"
  /** It says the same as the one that counts. */
  | "copy"
  /** An earlier line of the same response. */
  | "smaller-total"
  /** The same tokens at a later time. */
  | "later"
  /** A sidechain's line of what stands on the main chain. */
  | "sidechain-copy"
  /** It names no request, and another line of the message does. */
  | "no-request"
  /** It would count: the next sync reads it. */
  | "unread"
  /** What it claims was folded into the sums of its hour, and stands there. */
  | "folded";

export interface Claim {
  readonly verdict: Verdict;
  /** Why, for people. */
  readonly reason: string;
  readonly agent: string;
  /** Null where the source of a stored line is not known. */
  readonly path: string | null;
  /** The machine that it was read on; null for this one. */
  readonly host: string | null;
  /** Byte offset of the line, or row of the database. */
  readonly offset: number | null;
  /** False for a line that counts and is not in its file any more, or whose file is gone. */
  readonly isStillThere: boolean;
  readonly sessionId: string;
  readonly requestId: string;
  readonly project: string;
  readonly model: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly isSidechain: boolean;
  readonly tokens: {
    readonly input: number;
    readonly output: number;
    readonly cacheWrite5m: number;
    readonly cacheWrite1h: number;
    readonly cacheRead: number;
    readonly total: number;
  };
}

type Line = Omit<Claim, "verdict" | "reason">;

/**
 * Tells of each line whether it counts and why.
 * @param pathOf the path of a stored line's source.
 */
export function judgeClaims(
  messages: readonly UsageMessage[],
  found: readonly ClaimedLine[],
  pathOf: (sourceId: number | null) => string | null | undefined,
): Claim[] {
  const lines = found.map(lineOfRecord);
  const winners = messages.map((message): Line => {
    const stored = lineOfMessage(message, pathOf(message.source_id) ?? null);
    return lines.find((line) => isSamePlace(line, stored)) ?? stored;
  });
  const unfound = winners.filter((winner) => !lines.includes(winner));
  return [...lines, ...unfound]
    .map((line): Claim => ({ ...judge(line, winners, lines), ...line }))
    .sort(byStanding);
}

type Judgement = Pick<Claim, "verdict" | "reason">;

function judge(line: Line, winners: readonly Line[], lines: readonly Line[]): Judgement {
  if (winners.includes(line)) return { verdict: "counts", reason: reasonToCount(line, lines) };
  const standing = rowOf(line);
  const higher = winners.find((winner) => outranks(rowOf(winner), standing));
  if (higher !== undefined) {
    return higher.isSidechain === line.isSidechain
      ? { verdict: "no-request", reason: `names no request, and ${higher.requestId} does` }
      : {
          verdict: "sidechain-copy",
          reason: "a sidechain's copy: the message stands on the main chain under another request",
        };
  }
  const winner = winners.find(({ requestId }) => requestId === line.requestId);
  if (winner === undefined || isBetter(standing, rowOf(winner)))
    return { verdict: "unread", reason: "would count, and was not read yet" };
  if (winner.isSidechain !== line.isSidechain)
    return {
      verdict: "sidechain-copy",
      reason: "a sidechain's line of a message on the main chain",
    };
  if (winner.tokens.total !== line.tokens.total) {
    const less = winner.tokens.total - line.tokens.total;
    return {
      verdict: "smaller-total",
      reason: `${less} tokens less than the line that counts: an earlier one of the same response`,
    };
  }
  return winner.timestamp === line.timestamp
    ? { verdict: "copy", reason: "the same tokens at the same time: a copy, read later" }
    : { verdict: "later", reason: "the same tokens at a later time" };
}

function reasonToCount(line: Line, lines: readonly Line[]): string {
  const others = lines.filter((other) => other !== line);
  if (others.length === 0) return line.isStillThere ? "the only line" : "the only line known";
  const rivals = others.filter(({ requestId }) => requestId === line.requestId);
  if (rivals.length === 0) return "the line of its request that is no copy of another's";
  if (!line.isSidechain && rivals.every(({ isSidechain }) => isSidechain))
    return "on the main chain";
  const equals = rivals.filter(
    (other) => other.isSidechain === line.isSidechain && other.tokens.total === line.tokens.total,
  );
  if (equals.length === 0) return "the largest total";
  return equals.every(({ timestamp }) => timestamp > line.timestamp)
    ? "the earliest of those with the largest total"
    : "the largest total, read first";
}

function isSamePlace(left: Line, right: Line): boolean {
  return (
    left.agent === right.agent &&
    left.path === right.path &&
    left.offset === right.offset &&
    left.requestId === right.requestId &&
    left.tokens.total === right.tokens.total
  );
}

/** The line as the rule sees it. */
function rowOf(
  line: Line,
): TokenCounts & { request_id: string; is_sidechain: 0 | 1; timestamp: number } {
  return {
    request_id: line.requestId,
    is_sidechain: line.isSidechain ? 1 : 0,
    timestamp: line.timestamp,
    input_tokens: line.tokens.input,
    output_tokens: line.tokens.output,
    cache_write_5m_tokens: line.tokens.cacheWrite5m,
    cache_write_1h_tokens: line.tokens.cacheWrite1h,
    cache_read_tokens: line.tokens.cacheRead,
  };
}

function lineOfRecord({ agent, path, offset, record }: ClaimedLine): Line {
  const tokens = {
    input: record.inputTokens,
    output: record.outputTokens,
    cacheWrite5m: record.cacheWrite5mTokens,
    cacheWrite1h: record.cacheWrite1hTokens,
    cacheRead: record.cacheReadTokens,
  };
  return {
    agent,
    path,
    host: null,
    offset,
    isStillThere: true,
    sessionId: record.sessionId,
    requestId: record.requestId,
    project: record.project,
    model: record.model,
    timestamp: record.timestamp,
    isSidechain: record.isSidechain,
    tokens: { ...tokens, total: Object.values(tokens).reduce((sum, count) => sum + count, 0) },
  };
}

function lineOfMessage(message: UsageMessage, path: string | null): Line {
  return {
    agent: message.agent,
    path,
    host: message.host,
    offset: message.source_offset,
    isStillThere: false,
    sessionId: message.session_id,
    requestId: message.request_id,
    project: message.project,
    model: message.model,
    timestamp: message.timestamp,
    isSidechain: message.is_sidechain === 1,
    tokens: {
      input: message.input_tokens,
      output: message.output_tokens,
      cacheWrite5m: message.cache_write_5m_tokens,
      cacheWrite1h: message.cache_write_1h_tokens,
      cacheRead: message.cache_read_tokens,
      total: totalTokens(message),
    },
  };
}

function byStanding(left: Claim, right: Claim): number {
  const rank = ({ verdict }: Claim): number => (verdict === "counts" ? 0 : 1);
  if (left.agent !== right.agent) return left.agent < right.agent ? -1 : 1;
  if (rank(left) !== rank(right)) return rank(left) - rank(right);
  if (left.path !== right.path) return (left.path ?? "") < (right.path ?? "") ? -1 : 1;
  return (left.offset ?? 0) - (right.offset ?? 0);
}
