/** Where migrations come from: a directory, a bundle, a list in code. */
import type { Migration } from "../migration/migration.ts";
import type { Version } from "../migration/version.ts";

export interface SourceStamp {
  /** Equal stamps mean equal migrations. */
  readonly value: string;
  /** False while a file is so young that a later edit could leave the stamp as it is. */
  readonly isSettled: boolean;
}

/** Migrations that have been listed but not necessarily read. */
export interface MigrationSource {
  /** How errors and status name it. */
  readonly location: string;
  /** Ascending. Cheap: no file is opened. */
  versions(): readonly Version[];
  /** A fingerprint that changes when any migration does; cheap. */
  stamp(): SourceStamp;
  /** Every migration, read, checked and ordered by version. */
  load(): readonly Migration[];
}

/** SHA-256 in hexadecimal. */
export function sha256(text: string): string {
  return Bun.CryptoHasher.hash("sha256", text, "hex");
}

/** One migration of a bundle: texts as they stand in their files. */
export interface BundledMigration {
  readonly version: Version;
  readonly name: string;
  readonly fileName: string;
  readonly sql: string;
}

/** What `migrate bundle` writes; `stamp` covers versions, names and texts. */
export interface MigrationBundle {
  readonly stamp: string;
  readonly versions: readonly Version[];
  readonly load: () => readonly BundledMigration[];
}

/** A source over a bundle; its texts are loaded only when something is pending. */
export function bundleSource(bundle: MigrationBundle, location: string): MigrationSource {
  return {
    location,
    versions: () => bundle.versions,
    stamp: () => ({ value: bundle.stamp, isSettled: true }),
    load: () => {
      const { sqlMigration } =
        require("./read-migration.ts") as typeof import("./read-migration.ts");
      return bundle
        .load()
        .map(({ version, name, fileName, sql }) => sqlMigration(version, name, fileName, sql));
    },
  };
}

/** The stamp of a bundle, over every byte that matters. */
export function bundleStamp(migrations: readonly BundledMigration[]): string {
  return `bundle:${sha256(JSON.stringify(migrations.map(({ version, name, sql }) => [version, name, sql])))}`;
}
