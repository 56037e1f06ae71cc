/** Messages that were folded into sums and deleted: by what they are known again. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";
import { stableHash } from "./stable-hash.ts";

/** What a claim on a message is known by. */
export interface FoldedClaim {
  readonly agent: string;
  readonly message_id: string;
  readonly request_id: string;
  readonly is_sidechain: 0 | 1;
}

/** Two bits say where a request stood, the rest which it was; few requests share a message, so 30 bits tell them apart. */
const HAS_REQUEST = 1;
const IS_SIDECHAIN = 2;
const REQUEST_SHIFT = 4;
const REQUEST_HASHES = 2n ** 30n;

export class FoldedMessages {
  readonly #find: Prepared;
  readonly #insert: Prepared;

  constructor(connection: Connection) {
    this.#find = connection.prepare(
      "SELECT request_hash FROM usage_message_fold_keys WHERE message_hash = ?",
      "read folded messages",
    );
    this.#insert = connection.prepare(
      "INSERT OR IGNORE INTO usage_message_fold_keys (message_hash, request_hash) VALUES (?, ?)",
      "fold messages",
    );
  }

  /** Remembers a message that is about to be deleted; call inside the transaction that deletes it. */
  remember(claim: FoldedClaim): void {
    this.#insert.run(messageHash(claim), requestHash(claim));
  }

  /**
   * True when a line must not be counted, because what it claims is in the sums for good: the message itself, or one
   * of which one makes the other a mere copy (see `outranks`). What was folded is settled; a line that would have
   * beaten it comes too late.
   */
  settles(claim: FoldedClaim): boolean {
    const own = requestHash(claim);
    return this.#find
      .values(messageHash(claim))
      .map(([hash]) => Number(hash))
      .some(
        (folded) =>
          requestOf(folded) === requestOf(own) || folded % REQUEST_SHIFT !== own % REQUEST_SHIFT,
      );
  }

  /** True when any request of a message was folded, by whatever agent is named. */
  has({ agent, message_id }: Pick<FoldedClaim, "agent" | "message_id">): boolean {
    return this.#find.values(messageHash({ agent, message_id })).length > 0;
  }
}

/** True when any message was ever folded: most databases never fold one, and then pay for this question only. */
export function hasFoldedMessages(connection: Connection): boolean {
  return (
    connection
      .prepare("SELECT 1 FROM usage_message_fold_keys LIMIT 1", "read folded messages")
      .values().length > 0
  );
}

function messageHash({ agent, message_id }: Pick<FoldedClaim, "agent" | "message_id">): bigint {
  return stableHash("message", agent, message_id);
}

function requestHash({ request_id, is_sidechain }: FoldedClaim): number {
  const hash = Number(BigInt.asUintN(64, stableHash("request", request_id)) % REQUEST_HASHES);
  const bits = (request_id === "" ? 0 : HAS_REQUEST) + (is_sidechain === 1 ? IS_SIDECHAIN : 0);
  return hash * REQUEST_SHIFT + bits;
}

const requestOf = (hash: number): number => Math.floor(hash / REQUEST_SHIFT);
