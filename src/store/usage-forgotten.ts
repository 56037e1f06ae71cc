/** What was forgotten on request: known again by salted hashes, so that nothing brings it back. */
import { dirname } from "node:path";
import type { Connection } from "../engine/sqlite/connection.ts";

export const USAGE_FORGOTTEN_COLUMNS = ["kind", "value", "forgotten_at"] as const;

/** What is known of something that is to be stored. */
export interface Rememberable {
  readonly sessionId: string;
  readonly project: string | null;
  /** Epoch milliseconds. */
  readonly timestamp: number;
}

const SALT_BYTES = 16;

/** The rules as one transaction sees them. */
export class Forgotten {
  readonly #salt: string;
  readonly #sessions: ReadonlySet<string>;
  readonly #sources: ReadonlySet<string>;
  /** Until when each project is forgotten, by the hash of its name. */
  readonly #projects: ReadonlyMap<string, number>;
  readonly #beforeMs: number;
  readonly #hashes = new Map<string, string>();

  constructor(rows: readonly (readonly unknown[])[]) {
    const of = (kind: string): (readonly unknown[])[] => rows.filter(([is]) => is === kind);
    const values = (kind: string): string[] => of(kind).map(([, value]) => String(value));
    this.#salt = values("salt")[0] ?? "";
    this.#sessions = new Set(values("session"));
    this.#sources = new Set(values("source"));
    this.#projects = new Map(of("project").map(([, value, at]) => [String(value), Number(at)]));
    this.#beforeMs = values("before").reduce((most, text) => Math.max(most, Number(text)), 0);
  }

  /** Sessions are forgotten for good; projects and times up to a moment. */
  has({ sessionId, project, timestamp }: Rememberable): boolean {
    if (this.isBefore(timestamp)) return true;
    if (this.#sessions.size > 0 && this.#sessions.has(this.#hash("session", sessionId)))
      return true;
    if (project === null || this.#projects.size === 0) return false;
    return timestamp <= this.#forgottenUntil(project);
  }

  isBefore(timestamp: number): boolean {
    return timestamp < this.#beforeMs;
  }

  hasSource(path: string): boolean {
    return this.#sources.size > 0 && this.#sources.has(this.#hash("source", path));
  }

  /** A folder below a project's is the project's as well. */
  #forgottenUntil(project: string): number {
    let until = 0;
    for (let folder = project; ; folder = dirname(folder)) {
      until = Math.max(until, this.#projects.get(this.#hash("project", folder)) ?? 0);
      if (folder === dirname(folder)) return until;
    }
  }

  #hash(kind: string, text: string): string {
    const key = `${kind}\0${text}`;
    let hash = this.#hashes.get(key);
    if (hash === undefined) {
      hash = saltedHash(this.#salt, key);
      this.#hashes.set(key, hash);
    }
    return hash;
  }
}

/** Null when nothing was ever forgotten, which is the everyday case. Reads only. */
export function readForgotten(connection: Connection): Forgotten | null {
  const rows = connection
    .prepare("SELECT kind, value, forgotten_at FROM usage_forgotten", "read what was forgotten")
    .values();
  return rows.length === 0 ? null : new Forgotten(rows);
}

export interface NewlyForgotten {
  readonly sessions: readonly string[];
  readonly sources: readonly string[];
  readonly project: string | null;
  /** Epoch milliseconds. */
  readonly beforeMs: number | null;
}

/** Remembers what is forgotten now; call inside the transaction that deletes it. */
export function rememberForgotten(connection: Connection, what: NewlyForgotten, now: number): void {
  const salt = ensureSalt(connection, now);
  const insert = connection.prepare(
    `INSERT INTO usage_forgotten (kind, value, forgotten_at)
     VALUES (?, ?, ?)
     ON CONFLICT (kind, value) DO UPDATE SET forgotten_at = max(forgotten_at, excluded.forgotten_at)`,
    "remember what is forgotten",
  );
  const remember = (kind: string, text: string): void => {
    insert.run(kind, saltedHash(salt, `${kind}\0${text}`), now);
  };
  for (const session of what.sessions) remember("session", session);
  for (const source of what.sources) remember("source", source);
  if (what.project !== null) remember("project", what.project);
  if (what.beforeMs !== null) insert.run("before", String(what.beforeMs), now);
}

function ensureSalt(connection: Connection, now: number): string {
  const read = (): unknown =>
    connection
      .prepare("SELECT value FROM usage_forgotten WHERE kind = 'salt'", "read what was forgotten")
      .values()[0]?.[0];
  const known = read();
  if (typeof known === "string") return known;
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES)).toHex();
  connection
    .prepare(
      "INSERT INTO usage_forgotten (kind, value, forgotten_at) VALUES ('salt', ?, ?)",
      "remember what is forgotten",
    )
    .run(salt, now);
  return salt;
}

function saltedHash(salt: string, text: string): string {
  return new Bun.CryptoHasher("sha256").update(`${salt}\0${text}`).digest("hex");
}
