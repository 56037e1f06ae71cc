/** What a migration is, wherever it came from. */
import type { BatchedWork } from "./batched.ts";
import type { Version } from "./version.ts";

/** The part of a database that a TypeScript migration may touch; a subset of bun:sqlite's `Database`. */
export interface MigrationDatabase {
  /** Runs every statement of `sql`; no parameters. */
  exec(sql: string): void;
  /** Runs one statement with bound values. */
  run(
    sql: string,
    ...values: SqlValue[]
  ): { readonly changes: number; readonly lastInsertRowid: number | bigint };
  /** Prepares one statement; it is finalised when the migration ends. */
  query<Row = Record<string, SqlValue>>(sql: string): MigrationQuery<Row>;
  /** The same as `query`. */
  prepare<Row = Record<string, SqlValue>>(sql: string): MigrationQuery<Row>;
}

export type SqlValue = string | number | bigint | boolean | null | Uint8Array;

export interface MigrationQuery<Row> {
  all(...values: SqlValue[]): Row[];
  get(...values: SqlValue[]): Row | null;
  run(...values: SqlValue[]): {
    readonly changes: number;
    readonly lastInsertRowid: number | bigint;
  };
}

/** SQL of one direction, with enough to name a file, line and column when it fails. */
export interface SqlBody {
  readonly kind: "sql";
  readonly sql: string;
  /** What errors call the text's origin: a path, or a description such as `ledger of version 3`. */
  readonly file: string;
  /** The line of `file`, from 1, on which `sql` begins. */
  readonly firstLine: number;
  /** False for `transaction:false`: one statement after the other, each for itself. True when left out. */
  readonly isTransactional?: boolean;
}

export interface FunctionBody {
  readonly kind: "function";
  readonly run: (db: MigrationDatabase) => void;
  readonly file: string;
}

/** Work on many rows, chunk by chunk, each chunk its own transaction. */
export interface BatchedBody {
  readonly kind: "batched";
  readonly work: BatchedWork;
  readonly file: string;
  /** Of the text that the work is in; null when it was registered in code. */
  readonly checksum: string | null;
}

export type MigrationBody = SqlBody | FunctionBody | BatchedBody;

/** A version that must be applied before a migration, and where that is written. */
export interface MigrationDependency {
  readonly version: Version;
  readonly file: string;
  /** From 1; null where it is not a line of a text that says so. */
  readonly line: number | null;
}

/** A migration whose texts have been read. */
export interface Migration {
  readonly version: Version;
  readonly name: string;
  /** The file or files it came from, as errors and status show it. */
  readonly file: string;
  readonly up: MigrationBody;
  /** Null when it can't be undone. */
  readonly down: MigrationBody | null;
  /** `sql1:<sha256>` over the canonical up; null for functions, which have no stable text. */
  readonly checksum: string | null;
  /** From the seeds' header comment `-- Description:`; empty when there is none. */
  readonly description: string;
  /** Left out when it depends on nothing but the order of versions. */
  readonly dependsOn?: readonly MigrationDependency[];
}

/** A migration registered in code, as the seed documents do it. */
export interface RegisteredMigration {
  readonly version: Version;
  readonly name: string;
  readonly up: string | ((db: MigrationDatabase) => void) | BatchedWork;
  readonly down?: string | ((db: MigrationDatabase) => void) | BatchedWork | null;
  /** Versions that must be applied before it. */
  readonly dependsOn?: readonly Version[];
}

/** What the ledger remembers of an applied migration. */
export interface AppliedMigration {
  readonly version: Version;
  readonly name: string;
  /** Epoch milliseconds. */
  readonly applied_at: number;
  readonly checksum: string | null;
  /** The up text as it ran; null when it was a function. */
  readonly up_sql: string | null;
  /** The down text as it was when the up ran; null when there was none or it was a function. */
  readonly down_sql: string | null;
  readonly execution_time_ms: number;
  readonly schema_hash: string;
  readonly tool_version: string;
}
