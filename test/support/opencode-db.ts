/** opencode's database as its versions made it, with what its tables need to be read. */
import { Database } from "bun:sqlite";
import { NOON } from "./usage-db.ts";

export interface OpencodeTokens {
  readonly input?: number;
  readonly output?: number;
  readonly reasoning?: number;
  readonly cache?: { readonly read: number; readonly write: number };
}

export interface OpencodeRow {
  readonly id: string;
  readonly session?: string;
  readonly created?: number;
  readonly updated?: number;
  readonly tokens?: OpencodeTokens | null;
  readonly data?: Readonly<Record<string, unknown>>;
}

const TOKENS = { input: 10, output: 20, reasoning: 3, cache: { read: 40, write: 5 } };

const MESSAGE_V1 = `
  CREATE TABLE session (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, parent_id TEXT, slug TEXT NOT NULL, directory TEXT NOT NULL,
    title TEXT NOT NULL, version TEXT NOT NULL, time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL
  );
  CREATE TABLE message (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL, data TEXT NOT NULL
  );`;
const MESSAGE_V2 = `
  CREATE TABLE session_v2 (
    id TEXT PRIMARY KEY, project_id TEXT NOT NULL, parent_id TEXT, fork_session_id TEXT, slug TEXT NOT NULL,
    directory TEXT NOT NULL, title TEXT, version TEXT NOT NULL, time_created INTEGER NOT NULL,
    time_updated INTEGER NOT NULL
  );
  CREATE TABLE session_message (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, type TEXT NOT NULL, seq INTEGER NOT NULL,
    time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL, data TEXT NOT NULL
  );`;

export interface SessionRow {
  readonly created?: number;
  readonly parent?: string;
  readonly forkOf?: string;
}

/** Writes such a database; what is written is there for others at once. */
export class OpencodeDb implements Disposable {
  readonly database: Database;
  #seq = 0;

  constructor(path: string, versions: readonly (1 | 2)[] = [1]) {
    this.database = new Database(path, { create: true });
    this.database.run("PRAGMA journal_mode = WAL");
    for (const version of versions) this.database.run(version === 1 ? MESSAGE_V1 : MESSAGE_V2);
  }

  session(id: string, { created = NOON - 1000, parent }: SessionRow = {}): void {
    this.database.run(
      `INSERT INTO session VALUES (?, 'p', ?, 's', '/home/dev/app', 't', '1.2.0', ?, ?)`,
      [id, parent ?? null, created, created],
    );
  }

  sessionV2(id: string, { created = NOON - 1000, parent, forkOf }: SessionRow = {}): void {
    this.database.run(
      `INSERT INTO session_v2 VALUES (?, 'p', ?, ?, 's', '/home/dev/app', 't', '2.0.0', ?, ?)`,
      [id, parent ?? null, forkOf ?? null, created, created],
    );
  }

  /** An assistant's message; one with the same id is replaced, as opencode does with every step. */
  message({ id, session = "ses_1", created = NOON, updated, tokens, data }: OpencodeRow): void {
    const json = {
      role: "assistant",
      modelID: "claude-sonnet-4-5",
      providerID: "anthropic",
      cost: 0.25,
      time: { created, completed: created + 5 },
      path: { cwd: "/home/dev/app", root: "/" },
      ...(tokens === null ? {} : { tokens: tokens ?? TOKENS }),
      ...data,
    };
    this.database.run(
      `INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5)
       ON CONFLICT (id) DO UPDATE SET data = excluded.data, time_updated = excluded.time_updated`,
      [id, session, created, updated ?? created, JSON.stringify(json)],
    );
  }

  messageV2({ id, session = "ses_1", created = NOON, updated, tokens, data }: OpencodeRow): void {
    const json = {
      model: { id: "claude-sonnet-4-5", providerID: "anthropic" },
      cost: 0.25,
      time: { created, completed: created + 5 },
      tokens: tokens ?? TOKENS,
      content: [{ type: "text", text: "hello" }],
      ...data,
    };
    this.database.run(`INSERT INTO session_message VALUES (?, ?, 'assistant', ?, ?, ?, ?)`, [
      id,
      session,
      this.#seq++,
      created,
      updated ?? created,
      JSON.stringify(json),
    ]);
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}
