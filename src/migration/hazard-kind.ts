/** The names of hazards: part of the command line, of migration files and of `--json`. */

export const HAZARD_KINDS = [
  "DELETES_DATA",
  "CASCADES",
  "DROPS_TABLE",
  "DROPS_COLUMN",
  "REBUILDS",
  "FULL_SCAN_WRITE",
  "OVERWRITES",
  "FAILS_ON_EXISTING_ROWS",
  "IRREVERSIBLE",
] as const;

export type HazardKind = (typeof HAZARD_KINDS)[number];

/** Reads names separated by commas or blanks, in any case; `unknown` is the first that is none. */
export function parseHazardKinds(text: string): {
  readonly kinds: readonly HazardKind[];
  readonly unknown: string | null;
} {
  const names = text.split(/[\s,]+/).filter((name) => name !== "");
  const kinds: HazardKind[] = [];
  for (const name of names) {
    const kind = HAZARD_KINDS.find((known) => known === name.toUpperCase());
    if (kind === undefined) return { kinds, unknown: name };
    kinds.push(kind);
  }
  return { kinds, unknown: null };
}
