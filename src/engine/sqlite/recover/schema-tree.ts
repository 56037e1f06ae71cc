/** `sqlite_schema` read from its pages: what there is and where its tree begins. */
import type { PageFile } from "./page-file.ts";
import type { FoundTree, PageMap } from "./page-map.ts";
import { cellsOf, readTreePage, type TreeFamily } from "./tree-page.ts";

export interface SchemaEntry {
  readonly type: "table" | "index";
  readonly name: string;
  readonly table: string;
  readonly root: number;
  /** Null for an index that SQLite made by itself. */
  readonly sql: string | null;
}

export interface FoundSchema {
  readonly entries: readonly SchemaEntry[];
  readonly tree: FoundTree;
}

/** Reads what is left of it; leaves that page 1 no longer leads to are found by the pointer map. */
export function readSchemaTree(file: PageFile, map: PageMap): FoundSchema {
  const tree = map.follow(1, "table");
  const pages = new Set(tree.contentPages);
  if (tree.damagedPages.length > 0)
    for (let number = 2; number <= file.pageCount; number++)
      if (isBelowFirstPage(map, number)) pages.add(number);
  const entries = new Map<string, SchemaEntry>();
  for (const number of pages) {
    const page = readTreePage(file, number);
    if (page === null || page.family !== "table") continue;
    for (const { values } of cellsOf(file, page)) {
      const entry = values === null ? null : entryOf(values);
      if (entry !== null) entries.set(entry.name, entry);
    }
  }
  return { entries: [...entries.values()], tree };
}

function isBelowFirstPage({ pointers }: PageMap, page: number): boolean {
  let at = page;
  for (let depth = 0; depth < 8; depth++) {
    const { use, parent } = pointers.get(at);
    if (use !== "tree") return false;
    if (parent === 1) return true;
    at = parent;
  }
  return false;
}

function entryOf([type, name, table, root, sql]: readonly unknown[]): SchemaEntry | null {
  if (type !== "table" && type !== "index") return null;
  if (typeof name !== "string" || typeof table !== "string") return null;
  if (typeof root !== "number" || root < 2) return null;
  if (sql !== null && typeof sql !== "string") return null;
  return { type, name, table, root, sql };
}

/** The family of an entry's tree: a table WITHOUT ROWID has that of an index. */
export function familyOf({ type, sql }: SchemaEntry): TreeFamily {
  return type === "index" || /\bWITHOUT\s+ROWID\b[^)]*$/i.test(sql ?? "") ? "index" : "table";
}
