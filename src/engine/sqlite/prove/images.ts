/** Databases at every version, made once and copied as often as needed: what pairs and kills start from. */
import { copyFileSync, rmSync } from "node:fs";
import { UsageDbError } from "../../../errors.ts";
import { NO_VERSION, type Version } from "../../../migration/version.ts";
import type { Connection } from "../connection.ts";
import { ENGINE_TABLES_SQL } from "../ledger-tables.ts";
import { describeSchema, diffSchemas, type SchemaObject } from "../schema.ts";
import type { TableFiller } from "./fill.ts";
import type { Sandbox, SandboxDatabase } from "./sandbox.ts";

interface Image {
  readonly path: string;
  /** The text of sqlite_schema: equal texts need no closer look. */
  readonly text: string;
  readonly objects: readonly SchemaObject[];
}

export class Images {
  readonly #sandbox: Sandbox;
  readonly #filler: TableFiller | null;
  readonly #images = new Map<Version, Image>();

  /** @param filler null leaves the tables as the migrations made them. */
  constructor(sandbox: Sandbox, filler: TableFiller | null) {
    this.#sandbox = sandbox;
    this.#filler = filler;
  }

  /** Runs `work` on a copy of the database at a version, with the path of what it is a copy of. */
  onCopy<T>(version: Version, work: (copy: SandboxDatabase, image: string) => T): T {
    const path = this.copy(version);
    try {
      using database = this.#sandbox.open(path);
      return work(database, this.pathOf(version));
    } finally {
      this.drop(path);
    }
  }

  /** A copy to be dropped by the caller; nobody has it open. */
  copy(version: Version): string {
    const path = this.#sandbox.newPath();
    copyFileSync(this.pathOf(version), path);
    return path;
  }

  drop(path: string): void {
    for (const suffix of ["", "-wal", "-shm", "-migrating"])
      rmSync(`${path}${suffix}`, { force: true });
  }

  pathOf(version: Version): string {
    return this.#image(version).path;
  }

  /** How the schema differs from what the migrations up to `version` build; empty when it does not. */
  differences(connection: Connection, version: Version): string[] {
    const image = this.#image(version);
    if (schemaText(connection) === image.text) return [];
    return diffSchemas(image.objects, describeSchema(connection));
  }

  #image(version: Version): Image {
    const known = this.#images.get(version);
    if (known !== undefined) return known;
    using database = this.#raise(version);
    // The version that nothing was applied to has no table to fill, and not even a ledger.
    if (version !== NO_VERSION) this.#filler?.fill(database.connection);
    const { connection, path } = database;
    const image = { path, text: schemaText(connection), objects: describeSchema(connection) };
    this.#images.set(version, image);
    return image;
  }

  /** Goes on from the nearest version below: what was written there is older, and it saves the way. */
  #raise(version: Version): SandboxDatabase {
    const below = Math.max(NO_VERSION, ...[...this.#images.keys()].filter((one) => one < version));
    if (below === NO_VERSION) return this.#sandbox.openAt(version);
    const path = this.copy(below);
    const database = this.#sandbox.open(path);
    try {
      database.migrator.up({ target: version });
      return database;
    } catch (error) {
      database.connection.close();
      this.drop(path);
      if (!(error instanceof UsageDbError) || error.audience === "operator") throw error;
      // It does not run on those rows, which the pairs say; it does on an empty database.
      return this.#sandbox.openAt(version);
    }
  }
}

export function schemaText(connection: Connection): string {
  return JSON.stringify(
    connection.readOnce(
      `SELECT type, name, sql
       FROM sqlite_schema
       WHERE tbl_name NOT IN (${ENGINE_TABLES_SQL}) AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
       ORDER BY type, name`,
    ),
  );
}
