/** Texts that repeat in thousands of messages, each stored once. */
import type { Connection, Prepared } from "../engine/sqlite/connection.ts";

/**
 * Names and their numbers, as one transaction sees them. Made anew for each: a number that a rolled back
 * transaction gave out may be another name's tomorrow.
 */
export class UsageNames {
  readonly #find: Prepared;
  readonly #insert: Prepared;
  readonly #read: Prepared;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();

  constructor(connection: Connection) {
    this.#find = connection.prepare("SELECT name_id FROM usage_names WHERE name = ?", "read names");
    this.#insert = connection.prepare("INSERT INTO usage_names (name) VALUES (?)", "store a name");
    this.#read = connection.prepare("SELECT name FROM usage_names WHERE name_id = ?", "read names");
  }

  /** The number of a name, which is entered when it is new; call inside a transaction. */
  idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const found = this.#find.values(name)[0]?.[0];
    const id = Number(found ?? this.#insert.run(name).lastInsertRowid);
    this.#ids.set(name, id);
    this.#names.set(id, name);
    return id;
  }

  /** The name with a number; empty when there is none, which a foreign key prevents. */
  nameOf(id: number): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const name = String(this.#read.values(id)[0]?.[0] ?? "");
    this.#ids.set(name, id);
    this.#names.set(id, name);
    return name;
  }
}
