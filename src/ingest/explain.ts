/**
 * Why a message counts as it does: every line that claims it, and what became of each.
 *
 * Lines that lost are not stored: they would cost half as much again as the messages, and the files still have them.
 * So the files that are there are searched for the id; of those that are gone only the line that won is known.
 */
import { OperationError, refuseValue } from "../errors.ts";
import { checkFunction, checkKeys, checkNonEmpty } from "../store/checks.ts";
import { FoldedMessages, hasFoldedMessages } from "../store/folded-messages.ts";
import type { UsageMessage } from "../store/usage-messages.ts";
import type { UsageSource } from "../store/usage-sources.ts";
import type { UsageStore } from "../store/usage-store.ts";
import { AGENT_NAMES, AGENTS, type AgentName } from "./agents.ts";
import { type Claim, type ClaimedLine, judgeClaims } from "./claims.ts";
import { fileAt } from "./discover.ts";
import type { Ingester, MessageRecord } from "./ingester.ts";
import { createLineBuffer, UnreadableError } from "./line-reader.ts";

export interface ExplainOptions {
  /** Only this agent's; every agent's when left out. */
  readonly agent?: AgentName;
  /** Stops between two files. */
  readonly signal?: AbortSignal;
  /** Files searched so far, and all of them. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface MessageExplanation {
  readonly messageId: string;
  /** What counts: one a request. Empty when no line of it was read yet. */
  readonly messages: readonly UsageMessage[];
  /** Every line known to claim the message: by agent, the ones that count first, then by file and place. */
  readonly claims: readonly Claim[];
  /** Sources that were searched, and those that are gone: what else they said cannot be told any more. */
  readonly filesSearched: number;
  readonly filesGone: number;
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Looks for every line that claims a message; reads only.
 * @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN.
 * @throws {OperationError} CANCELLED when the signal was aborted.
 */
export async function explainMessage(
  store: UsageStore,
  messageId: string,
  options: ExplainOptions = {},
): Promise<MessageExplanation> {
  checkNonEmpty("messageId", messageId);
  checkKeys("explainMessage", options, ["agent", "signal", "onProgress"]);
  checkFunction("onProgress", options.onProgress);
  const { agent: wanted, signal, onProgress } = options;
  if (wanted !== undefined && !AGENT_NAMES.includes(wanted))
    refuseValue("agent", "unknown", `one of ${AGENT_NAMES.join(", ")}`);
  const isWanted = (agent: string): boolean => wanted === undefined || agent === wanted;
  const messages = store.messages.byMessageId(messageId).filter(({ agent }) => isWanted(agent));
  // An id belongs to one agent; only one that nobody read yet may be anybody's.
  const owners = new Set(messages.map(({ agent }) => agent));
  const agents = AGENT_NAMES.filter((agent) =>
    owners.size > 0 ? owners.has(agent) : isWanted(agent),
  );
  const sources = agents.flatMap((agent) =>
    store.sources.list(agent).map((source) => ({ agent, source })),
  );
  const search = new Search(messageId);
  for (const [index, { agent, source }] of sources.entries()) {
    await search.look(AGENTS[agent].ingester(), source);
    onProgress?.(index + 1, sources.length);
    if (index % 8 === 7) await Bun.sleep(0);
    if (signal?.aborted === true) {
      throw new OperationError(
        "CANCELLED",
        "Cannot go on searching: it was interrupted, expected to be run again",
      );
    }
  }
  const paths = new Map(sources.map(({ source }) => [source.source_id, source.path]));
  return {
    messageId,
    messages,
    claims: judgeClaims(messages, search.lines, (id) => (id === null ? null : paths.get(id))).map(
      foldedIn(store, messageId),
    ),
    filesSearched: search.searched,
    filesGone: search.gone,
    unreadable: search.unreadable,
  };
}

/** Tells of lines that would count whether the sums have what they claim already. */
function foldedIn({ connection }: UsageStore, messageId: string): (claim: Claim) => Claim {
  const folded = hasFoldedMessages(connection) ? new FoldedMessages(connection) : null;
  return (claim) => {
    if (claim.verdict !== "unread") return claim;
    const { agent, requestId: request_id, isSidechain } = claim;
    const is_sidechain = isSidechain ? 1 : 0;
    const isFolded = folded?.settles({ agent, message_id: messageId, request_id, is_sidechain });
    if (isFolded !== true) return claim;
    return {
      ...claim,
      verdict: "folded",
      reason: "counted in the sums of its hour, and folded away since",
    };
  };
}

/** Goes through sources from their start, for the lines of one message. */
class Search {
  readonly lines: ClaimedLine[] = [];
  readonly unreadable: { path: string; reason: string }[] = [];
  searched = 0;
  gone = 0;
  readonly #messageId: string;
  readonly #memory = createLineBuffer();

  constructor(messageId: string) {
    this.#messageId = messageId;
  }

  async look(ingester: Ingester, source: UsageSource): Promise<void> {
    const { path } = source;
    const file = fileAt(path);
    if (file === undefined) {
      this.gone++;
      return;
    }
    try {
      using reader = await ingester.open(file, {
        known: undefined,
        memory: this.#memory,
        containing: this.#messageId,
      });
      for (const found of reader.read(() => undefined)) {
        if (found === null) continue;
        const { offset } = found;
        for (const record of found.records)
          if (this.#isClaim(record))
            this.lines.push({ agent: ingester.agent, path, offset, record });
      }
      this.searched++;
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      this.unreadable.push({ path, reason: error.reason });
    }
  }

  #isClaim(record: { readonly kind: string }): record is MessageRecord {
    return record.kind === "message" && (record as MessageRecord).messageId === this.#messageId;
  }
}
