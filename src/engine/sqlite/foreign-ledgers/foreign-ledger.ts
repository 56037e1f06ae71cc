/** What a ledger of another tool says, in words that are the same for all of them. */
import type { Version } from "../../../migration/version.ts";

/** The tools whose ledgers can be taken over. */
export const FOREIGN_TOOLS = [
  "dbmate",
  "goose",
  "golang-migrate",
  "sqlx",
  "drizzle",
  "kysely",
  "knex",
  "umzug",
  "rails",
  "diesel",
] as const;

export type ForeignTool = (typeof FOREIGN_TOOLS)[number];

/** One applied migration. */
export interface ForeignEntry {
  /** As the ledger has it: a version, a name, a hash. */
  readonly label: string;
  /** Null when the ledger tells no version. */
  readonly version: Version | null;
  /** Epoch milliseconds; null when the ledger does not say when it was applied. */
  readonly appliedAt: number | null;
  readonly executionTimeMs: number | null;
  /** Of the file's text, in hexadecimal; null when the tool keeps none. */
  readonly hash: string | null;
}

/**
 * How entries find their files: by version · by the version that all up to it share · by name · by the hash
 * of the text.
 */
export type Matching = "version" | "watermark" | "name" | "hash";

export interface ForeignLedger {
  readonly tool: ForeignTool;
  readonly table: string;
  readonly matching: Matching;
  readonly hashAlgorithm: "sha256" | "sha384" | null;
  /** In the order in which they were applied, as far as the ledger tells. */
  readonly entries: readonly ForeignEntry[];
}
