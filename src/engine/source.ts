/** Where migrations come from: a directory, a bundle, a list in code. */
import type { MigrationFiles } from "../migration/assemble.ts";
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

interface BundledVersion {
  readonly version: Version;
  readonly name: string;
  /** What errors and status call it: the file's name in its directory. */
  readonly fileName: string;
}

/** One `.sql` file, its text as it stands. */
export interface BundledFile extends BundledVersion {
  readonly sql: string;
}

/** A version of several files, or of another tool's layout: their texts by their names in the directory. */
export interface BundledFiles extends BundledVersion {
  readonly layout: MigrationFiles["layout"];
  readonly texts: Readonly<Record<string, string>>;
}

/** A module, imported by the bundle itself so that a bundler takes it along. */
export interface BundledModule extends BundledVersion {
  /** Over the module's text when the bundle was written; a function has none. */
  readonly checksum: string;
  readonly module: object;
}

/** One migration of a bundle. */
export type BundledMigration = BundledFile | BundledFiles | BundledModule;

/** What every start asks of a bundle; small, so that it may stand in a module without the texts. */
export interface BundleHead {
  /** Over versions, names and texts. */
  readonly stamp: string;
  readonly versions: readonly Version[];
}

/** What `migrate bundle` writes. */
export interface MigrationBundle extends BundleHead {
  readonly load: () => readonly BundledMigration[];
}

/** A source over a bundle; its texts are loaded only when something is pending. */
export function bundleSource(bundle: MigrationBundle, location: string): MigrationSource {
  return {
    location,
    versions: () => bundle.versions,
    stamp: () => ({ value: bundle.stamp, isSettled: true }),
    load: () => {
      const { readBundled } =
        require("./bundled-migration.ts") as typeof import("./bundled-migration.ts");
      return readBundled(bundle.load());
    },
  };
}
