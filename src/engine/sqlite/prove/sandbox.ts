/** Temporary databases with a migrator over them: what every proof works in. */
import type { Migration } from "../../../migration/migration.ts";
import { NO_VERSION, type Version } from "../../../migration/version.ts";
import { fixedSource } from "../../fixed-source.ts";
import { createMigrator, type Migrator } from "../../migrator.ts";
import type { MigrationSource } from "../../source.ts";
import type { Connection } from "../connection.ts";
import { createSqliteDriver } from "../driver.ts";
import { openConnection } from "../open.ts";

export interface SandboxOptions {
  /** An existing folder for the files. */
  readonly folder: string;
  readonly migrations: readonly Migration[];
  readonly applicationId: number | undefined;
}

export interface SandboxDatabase extends Disposable {
  readonly connection: Connection;
  readonly migrator: Migrator;
  readonly path: string;
}

export class Sandbox {
  readonly #options: SandboxOptions;
  readonly #source: MigrationSource;
  #count = 0;

  constructor(options: SandboxOptions) {
    this.#options = options;
    this.#source = fixedSource(options.migrations, "the migrations to prove");
  }

  /** A path at which nothing is yet. */
  newPath(): string {
    this.#count++;
    return `${this.#options.folder}/${this.#count}.db`;
  }

  /** Opens a database, a new one unless a path is given. */
  open(path = this.newPath(), source = this.#source): SandboxDatabase {
    const connection = openConnection(path);
    // Thrown away in any case; a power cut is not what is being proved, and waiting for the disk took half of the time.
    connection.runOnce("PRAGMA synchronous = OFF");
    const { applicationId } = this.#options;
    const driver = createSqliteDriver(
      connection,
      applicationId === undefined ? {} : { applicationId },
    );
    return {
      connection,
      migrator: createMigrator({ driver, source }),
      path,
      [Symbol.dispose]: () => connection.close(),
    };
  }

  /** A new database at a version; at the newest when none is given. */
  openAt(version?: Version): SandboxDatabase {
    const database = this.open();
    try {
      if (version !== NO_VERSION)
        database.migrator.up(version === undefined ? {} : { target: version });
      return database;
    } catch (error) {
      database.connection.close();
      throw error;
    }
  }
}
