/** What was changed in a migration after it was applied. */
import type { Direction } from "./plan.ts";
import { type MigrationStanding, textOf } from "./standing.ts";
import type { Version } from "./version.ts";

/** What ran, and what the file says now; nothing for a function, of which the ledger has no text. */
export interface MigrationEdit {
  readonly version: Version;
  readonly name: string;
  readonly file: string;
  readonly section: Direction;
  readonly applied: string;
  readonly current: string;
}

/** The sections of a version that differ from the ledger, with both texts. */
export function editsOf({
  version,
  name,
  migration,
  applied,
  editedSections,
}: MigrationStanding): MigrationEdit[] {
  return editedSections.flatMap((section) => {
    const before = section === "up" ? applied?.up_sql : applied?.down_sql;
    const after = textOf((section === "up" ? migration?.up : migration?.down) ?? null);
    const isFunction = section === "up" && (before === null || after === null);
    if (migration === null || isFunction) return [];
    return [
      { version, name, file: migration.file, section, applied: before ?? "", current: after ?? "" },
    ];
  });
}
