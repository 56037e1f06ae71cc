/** Which environment a database belongs to: the one of its newest entry. */
import { OperationError } from "../../errors.ts";
import { currentActor } from "../actor.ts";
import { TOOL_VERSION } from "../tool-version.ts";
import type { Connection } from "./connection.ts";
import { readLedgerHead, schemaCookie } from "./ledger.ts";
import {
  ensureSeedsTable,
  insertSeedEntry,
  readSeedEntries,
  type SeedEntry,
} from "./seed-ledger.ts";

export interface DeclareOptions {
  /** The environment that the database belongs to until now, when it is to change. */
  readonly switchFrom?: string;
  /** Epoch milliseconds; the system clock when left out. */
  readonly now?: () => number;
}

/**
 * Says which environment a database belongs to, without a seed.
 * @throws {OperationError} SEED_ENVIRONMENT when it belongs to another one that `switchFrom` does not name.
 */
export function declareEnvironment(
  connection: Connection,
  environment: string,
  { switchFrom, now }: DeclareOptions,
): void {
  connection.transaction(() => {
    const entries = readSeedEntries(connection);
    refuseEnvironment(connection, entries, environment, switchFrom);
    if (entries[0]?.environment !== environment)
      enterSeed(connection, environment, { checksum: null, now, executionTimeMs: 0 });
  }, `declare the environment of ${connection.path}`);
}

/** @throws {OperationError} SEED_ENVIRONMENT unless the database is, or may become, one of this environment. */
export function refuseEnvironment(
  { path }: Connection,
  entries: readonly SeedEntry[],
  environment: string,
  switchFrom: string | undefined,
): void {
  const current = entries[0]?.environment ?? null;
  if (switchFrom === undefined && (current === null || current === environment)) return;
  if (switchFrom !== undefined && (switchFrom === current || current === environment)) return;
  const observed = current === null ? "it was never seeded" : `it is a database of ${current}`;
  throw new OperationError(
    "SEED_ENVIRONMENT",
    `Cannot seed ${path} for ${environment}: ${observed}, expected one of ${switchFrom ?? environment}`,
    { details: { path, environment, current, switchFrom: switchFrom ?? null } },
  );
}

/** Records a seed or a declaration; inside the caller's transaction. */
export function enterSeed(
  connection: Connection,
  environment: string,
  {
    checksum,
    now = Date.now,
    executionTimeMs,
  }: {
    readonly checksum: string | null;
    readonly now: (() => number) | undefined;
    readonly executionTimeMs: number;
  },
): SeedEntry {
  const head = readLedgerHead(connection);
  ensureSeedsTable(connection);
  if (head?.isSchemaKnown === true) {
    // The table is the engine's own, so the schema is as well known as before.
    connection
      .prepare("UPDATE schema_migrations SET schema_cookie = ? WHERE version = ?", "record a seed")
      .run(schemaCookie(connection), head.version);
  }
  const entry: SeedEntry = {
    environment,
    checksum,
    applied_at: now(),
    execution_time_ms: executionTimeMs,
    tool_version: TOOL_VERSION,
    actor: currentActor(),
  };
  insertSeedEntry(connection, entry);
  return entry;
}
