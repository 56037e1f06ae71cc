/** The schema as a hash, which the ledger keeps of every version: fast to keep up to date, and blind to order. */
import { OperationError } from "../../errors.ts";
import { canonicalSql } from "../../migration/canonical-sql.ts";
import { ScanError } from "../../migration/sql-scanner.ts";
import type { Binding, Connection } from "./connection.ts";
import { ENGINE_TABLES } from "./ledger-tables.ts";

/** Form 1 of the ledger's `schema_hash`: XOR of SHA-256 over `type NUL name NUL canonical SQL` of every object. */
const SCHEMA_HASH_FORM = "schema1";

/** Compiled anew after every change of the schema, so what can be sorted out here is not left to SQLite. */
const OBJECTS_SQL = "SELECT rowid, type, name, tbl_name, sql FROM sqlite_schema WHERE rowid > ?";

/**
 * The schema's hash, kept up to date step by step: a step that only creates adds its new objects, any other
 * has everything read again. XOR makes the order of objects irrelevant and adding one cheap.
 */
export class SchemaFingerprint {
  readonly #digest = new Uint8Array(32);
  #lastRowid = 0;
  #drift: Uint8Array | null = null;
  /** True as soon as any table mentions a foreign key. */
  hasForeignKeys = false;

  /** @param isAdditive promises that nothing was altered or dropped since the last refresh. */
  refresh(connection: Connection, isAdditive: boolean): void {
    if (!isAdditive) this.reset();
    for (const [rowid, type, name, table, text] of connection
      .prepare(OBJECTS_SQL, "read the schema")
      .values(this.#lastRowid)) {
      this.#lastRowid = Math.max(this.#lastRowid, rowid as number);
      if (
        typeof text !== "string" ||
        ENGINE_TABLES.has(table as string) ||
        isSqlites(name as string)
      )
        continue;
      if (type === "table" && /\bREFERENCES\b/i.test(text)) this.hasForeignKeys = true;
      const object = `${type as string}\0${name as string}\0${canonicalOf(text, name)}`;
      const hash = Bun.CryptoHasher.hash("sha256", object);
      for (let i = 0; i < 32; i++)
        this.#digest[i] = (this.#digest[i] as number) ^ (hash[i] as number);
    }
  }

  reset(): void {
    this.#digest.fill(0);
    this.#lastRowid = 0;
    this.hasForeignKeys = false;
  }

  get hash(): string {
    return `${SCHEMA_HASH_FORM}:${this.#digest.toHex()}`;
  }

  /**
   * Takes the difference between the schema as it is and the one that the ledger recorded for drift, which later
   * hashes leave out: else the next step would record the drift as if the migrations had built it.
   * @param observed the hash that was to be as recorded; that of an earlier moment for a step in parts.
   */
  expect(recorded: string | null, observed = this.hash): void {
    this.#drift = null;
    if (recorded === null || recorded === observed) return;
    const [was, is] = [digestOf(recorded), digestOf(observed)];
    if (was !== null && is !== null) this.#drift = xor(is, was);
  }

  /** The hash that the schema would have without the drift. */
  get expectedHash(): string {
    if (this.#drift === null) return this.hash;
    return `${SCHEMA_HASH_FORM}:${xor(this.#digest, this.#drift).toHex()}`;
  }

  get hasDrift(): boolean {
    return this.#drift !== null;
  }
}

/** @throws {OperationError} DATABASE_CORRUPT for a text that SQLite would never have stored. */
function canonicalOf(text: string, name: Binding | undefined): string {
  try {
    return canonicalSql(text);
  } catch (cause) {
    if (!(cause instanceof ScanError)) throw cause;
    throw new OperationError(
      "DATABASE_CORRUPT",
      `Cannot read the schema: the text of ${String(name)} has ${cause.message}, expected SQL`,
      { details: { object: String(name) }, cause },
    );
  }
}

/** The digest in a hash; null for one of another form. */
function digestOf(hash: string): Uint8Array | null {
  const [form, hex = ""] = hash.split(":");
  return form === SCHEMA_HASH_FORM && /^[0-9a-f]{64}$/.test(hex) ? Uint8Array.fromHex(hex) : null;
}

function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, index) => byte ^ (right[index] as number));
}

/** SQLite's own names, whatever their case. */
function isSqlites(name: string): boolean {
  return name.length >= 7 && name.slice(0, 7).toLowerCase() === "sqlite_";
}
