/** Entries of another tool's ledger and files of a directory, brought together. */
import { OperationError } from "../../../errors.ts";
import type { Migration } from "../../../migration/migration.ts";
import { textOf } from "../../../migration/standing.ts";
import { formatVersion, parseVersion, type Version } from "../../../migration/version.ts";
import type { ForeignEntry, ForeignLedger } from "./foreign-ledger.ts";

/** A migration that the other tool applied; the entry is the one that says so. */
export interface AppliedElsewhere {
  readonly migration: Migration;
  readonly entry: ForeignEntry;
}

interface Findings {
  readonly applied: AppliedElsewhere[];
  /** Entries for which there is no file. */
  readonly withoutFile: string[];
  /** Files whose text is not the one that the ledger has the hash of. */
  readonly edited: string[];
}

/**
 * The migrations that a ledger says are applied, ascending.
 * @throws {OperationError} ADOPT_LEDGER_DIFFERS naming entries without a file, files that were edited, and files
 *   that are older than the newest applied one and have no entry.
 */
export function matchLedger(
  ledger: ForeignLedger,
  migrations: readonly Migration[],
): AppliedElsewhere[] {
  const findings = findingsOf(ledger, migrations);
  const applied = findings.applied.sort((a, b) => a.migration.version - b.migration.version);
  const versions = new Set(applied.map(({ migration }) => migration.version));
  const head = applied.at(-1)?.migration.version ?? 0;
  const late = migrations.filter(({ version }) => version < head && !versions.has(version));
  refuse(ledger, { ...findings, late: late.map(({ file }) => file) });
  return applied;
}

/** True when a ledger speaks of any of these migrations; false when it is about something else altogether. */
export function speaksOf(ledger: ForeignLedger, migrations: readonly Migration[]): boolean {
  return findingsOf(ledger, migrations).applied.length > 0;
}

function findingsOf(ledger: ForeignLedger, migrations: readonly Migration[]): Findings {
  switch (ledger.matching) {
    case "hash":
      return matchHashes(ledger, migrations);
    case "watermark":
      return matchWatermark(ledger, migrations);
    case "version":
    case "name":
      return matchOneByOne(ledger, migrations);
  }
}

function matchOneByOne(ledger: ForeignLedger, migrations: readonly Migration[]): Findings {
  const findings: Findings = { applied: [], withoutFile: [], edited: [] };
  const free = new Set(migrations);
  for (const entry of ledger.entries) {
    const migration = [...free].find(
      ledger.matching === "name"
        ? (candidate) => isNamed(candidate, entry.label)
        : ({ version }) => version === entry.version,
    );
    if (migration === undefined) {
      findings.withoutFile.push(entry.label);
      continue;
    }
    free.delete(migration);
    findings.applied.push({ migration, entry });
    if (entry.hash !== null && !hashesOf(ledger, migration).includes(entry.hash))
      findings.edited.push(migration.file);
  }
  return findings;
}

/** Of golang-migrate one version is known, and it went through all files up to it in their order. */
function matchWatermark({ entries }: ForeignLedger, migrations: readonly Migration[]): Findings {
  const [entry] = entries;
  if (entry === undefined || entry.version === 0)
    return { applied: [], withoutFile: [], edited: [] };
  const reached = migrations.filter(({ version }) => version <= (entry.version ?? 0));
  const isThere = reached.some(({ version }) => version === entry.version);
  return {
    applied: reached.map((migration) => ({ migration, entry })),
    withoutFile: isThere ? [] : [entry.label],
    edited: [],
  };
}

/** Texts may be equal, so among several the one of the same moment is taken, else the oldest. */
function matchHashes(ledger: ForeignLedger, migrations: readonly Migration[]): Findings {
  const findings: Findings = { applied: [], withoutFile: [], edited: [] };
  const free = new Map(
    migrations.map((migration) => [migration, hashesOf(ledger, migration)] as const),
  );
  for (const entry of ledger.entries) {
    const sameText = [...free]
      .filter(([, hashes]) => entry.hash !== null && hashes.includes(entry.hash))
      .map(([migration]) => migration);
    const isSameMoment = ({ version }: Migration): boolean => version === entry.version;
    const sameMoment = [...free.keys()].find(isSameMoment);
    const migration = sameText.find(isSameMoment) ?? sameText[0] ?? sameMoment;
    if (migration === undefined) {
      findings.withoutFile.push(entry.label);
      continue;
    }
    if (sameText.length === 0 && entry.hash !== null) findings.edited.push(migration.file);
    free.delete(migration);
    findings.applied.push({ migration, entry });
  }
  return findings;
}

/**
 * Line ends and a byte order mark come and go with an editor or a checkout; no tool means anything by them. sqlx
 * may have been told to leave white space out of its hash.
 */
function hashesOf({ hashAlgorithm }: ForeignLedger, { up }: Migration): string[] {
  const text = textOf(up);
  if (text === null || hashAlgorithm === null) return [];
  const unix = text.replaceAll("\r\n", "\n");
  const bare = hashAlgorithm === "sha384" ? [text.replace(/[ \t\r\n]/g, "")] : [];
  return [text, unix, unix.replaceAll("\n", "\r\n"), ...bare]
    .flatMap((variant) => [variant, `\ufeff${variant}`])
    .map((variant) => Bun.CryptoHasher.hash(hashAlgorithm, variant, "hex"));
}

const ENDING = /(?:\.up)?\.(?:sql|[mc]?[jt]s)$/;
/** `2024-01-31T12-34-56_name`, `2024.01.31T12.34.56.name`, `20240131123456_name`, `001-name`. */
const DATED_NAME = /^(\d+(?:[-.:T]\d+)*)[-_.](.+)$/;

/** True when a name in a ledger means this file: the same stem, or the same digits and the same name after them. */
function isNamed({ version, name, file }: Migration, label: string): boolean {
  const stem = label.replace(ENDING, "");
  if (file.slice(file.lastIndexOf("/") + 1).replace(ENDING, "") === stem) return true;
  const [, digits = "", rest] = DATED_NAME.exec(stem) ?? [];
  return rest === name && parseVersion(digits.replace(/\D/g, "")) === version;
}

function refuse(
  { tool }: ForeignLedger,
  { withoutFile, edited, late }: Omit<Findings, "applied"> & { readonly late: readonly string[] },
): void {
  const observed = [
    ...withoutFile.map((label) => `${label} is applied but has no file`),
    ...edited.map((file) => `${file} was edited after it was applied`),
    ...late.map((file) => `${file} is older than the newest applied one but has no entry`),
  ];
  if (observed.length === 0) return;
  throw new OperationError(
    "ADOPT_LEDGER_DIFFERS",
    `Cannot take over the ledger of ${tool}: ${observed.join("; ")}; expected an entry for each file up to the newest applied one, and the text that ran`,
    { details: { tool, withoutFile, edited, late } },
  );
}

/** What a version is called in a list. */
export function labelOf({
  version,
  name,
}: {
  readonly version: Version;
  readonly name: string;
}): string {
  return `${formatVersion(version)}_${name}`;
}
