/** Compares the rows of a database with those of the file that it is a copy of. */
import { pathToFileURL } from "node:url";
import { constants, Database } from "bun:sqlite";
import { Connection } from "../connection.ts";
import { compareRows, type RowDifferences } from "../rehearse/compare-rows.ts";
import { BEFORE } from "../rehearse/private-copy.ts";
import { listTables } from "../rehearse/table-state.ts";

export interface ContentDifference extends RowDifferences {
  readonly table: string;
}

/** Tables that both have and whose rows differ in any way. Nobody may write to either meanwhile. */
export function compareContent(path: string, image: string): ContentDifference[] {
  const flags = constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_URI;
  using both = new Connection(new Database(path, flags), path);
  both.runOnce("PRAGMA query_only = ON");
  const before = `${pathToFileURL(image).href}?immutable=1`;
  both.prepare(`ATTACH ? AS ${BEFORE}`, "compare with what was before").run(before);
  const after = listTables(both, "main").tables;
  return [...listTables(both, "before").tables.values()].flatMap((table) => {
    const now = after.get(table.name);
    if (now === undefined) return [];
    const differences = compareRows(both, table, now);
    const { lost, added, changed } = differences;
    return lost + added + changed === 0 ? [] : [{ table: table.name, ...differences }];
  });
}
