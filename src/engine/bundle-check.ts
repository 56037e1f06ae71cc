/** Proves that a bundle and a directory are the same migrations. */
import type { Migration } from "../migration/migration.ts";
import { textOf } from "../migration/standing.ts";
import { formatVersion, type Version } from "../migration/version.ts";
import { readBundleEntries } from "./bundle.ts";
import { bundleStamp, contentOf } from "./bundled-migration.ts";
import type { DirectorySource } from "./directory.ts";
import {
  type BundledMigration,
  bundleSource,
  type MigrationBundle,
  type MigrationSource,
} from "./source.ts";

export interface BundleFinding {
  /** Null when it is the bundle as a whole. */
  readonly version: Version | null;
  readonly problem: "differs" | "missing" | "surplus" | "stale";
  readonly observed: string;
}

/** What to do about any finding. */
export const BUNDLE_REMEDY = "Write the bundle again with `migrate bundle`.";

/**
 * Compares a bundle with where it should come from, version by version; empty when a database could not tell them apart.
 * @throws {MigrationError} when either of them cannot be read as migrations.
 */
export function compareBundle(bundle: MigrationBundle, source: MigrationSource): BundleFinding[] {
  const bundled = bundleSource(bundle, "the bundle").load();
  const byVersion = new Map(bundled.map((migration) => [migration.version, migration]));
  const isSameText = textComparison(bundle, source);
  const findings: BundleFinding[] = [];
  for (const migration of source.load()) {
    const { version } = migration;
    const copy = byVersion.get(version);
    byVersion.delete(version);
    if (copy === undefined) {
      const observed = `${labelOf(migration)} is not in the bundle`;
      findings.push({ version, problem: "missing", observed });
      continue;
    }
    const parts = differingParts(migration, copy);
    if (parts.length === 0 && !isSameText(version)) parts.push("what stands outside its sections");
    if (parts.length === 0) continue;
    const observed = `${labelOf(migration)} differs in ${parts.join(", ")}`;
    findings.push({ version, problem: "differs", observed });
  }
  for (const surplus of byVersion.values()) {
    const observed = `${labelOf(surplus)} is only in the bundle`;
    findings.push({ version: surplus.version, problem: "surplus", observed });
  }
  findings.sort((a, b) => (a.version ?? 0) - (b.version ?? 0));
  return [...findings, ...staleParts(bundle, bundled)];
}

/** Markers and headers are no part of a section, and may say how it is to be run. */
function textComparison(
  bundle: MigrationBundle,
  source: MigrationSource | DirectorySource,
): (version: Version) => boolean {
  if (!("files" in source)) return () => true;
  const textsOf = (entries: readonly BundledMigration[]): ReadonlyMap<Version, string> =>
    new Map(entries.map((entry) => [entry.version, JSON.stringify(contentOf(entry))]));
  const [expected, observed] = [textsOf(readBundleEntries(source)), textsOf(bundle.load())];
  return (version) => expected.get(version) === observed.get(version);
}

/** What an up-to-date start goes by, without reading one text: wrong, it would take a pending version for applied. */
function staleParts(bundle: MigrationBundle, migrations: readonly Migration[]): BundleFinding[] {
  const stale = (observed: string): BundleFinding => ({
    version: null,
    problem: "stale",
    observed,
  });
  const versions = migrations.map(({ version }) => version);
  return [
    ...(bundle.stamp === bundleStamp(bundle.load())
      ? []
      : [stale("its stamp is not that of its migrations")]),
    ...(bundle.versions.join() === versions.join()
      ? []
      : [stale("its list of versions is not that of its migrations")]),
  ];
}

function differingParts(left: Migration, right: Migration): string[] {
  const dependenciesOf = ({ dependsOn = [] }: Migration): string =>
    dependsOn.map(({ version }) => version).join();
  const isSame: Readonly<Record<string, boolean>> = {
    name: left.name === right.name,
    up: left.up.kind === right.up.kind && textOf(left.up) === textOf(right.up),
    down: left.down?.kind === right.down?.kind && textOf(left.down) === textOf(right.down),
    checksum: left.checksum === right.checksum,
    description: left.description === right.description,
    dependencies: dependenciesOf(left) === dependenciesOf(right),
  };
  return Object.keys(isSame).filter((part) => isSame[part] === false);
}

const labelOf = ({ version, name }: Migration): string => `${formatVersion(version)}_${name}`;
