/** The search of compacted texts, over the database and its backups. */
import { existsSync } from "node:fs";
import { openUntouched } from "../engine/sqlite/open-untouched.ts";
import { UsageDbError } from "../errors.ts";
import type { ByteSearch } from "../retention/forget/find-bytes.ts";
import {
  type CompactedSearch,
  type FoundCompacted,
  searchCompacted,
} from "../retention/forget/search-compacted.ts";

/** The compacted texts of several databases. */
export class FrameSearch {
  searched = 0;
  readonly found: (FoundCompacted & { readonly path: string })[] = [];
  /** Files that cannot be read. */
  readonly unsearched: { readonly path: string; readonly unreadable: string }[] = [];

  addFile(path: string, search: ByteSearch): void {
    if (!existsSync(path)) return;
    this.add(path, () => {
      using connection = openUntouched(path);
      return searchCompacted(connection, search);
    });
  }

  add(path: string, look: () => CompactedSearch): void {
    try {
      const { searched, found } = look();
      this.searched += searched;
      this.found.push(...found.map((one) => ({ ...one, path })));
    } catch (error) {
      if (!(error instanceof UsageDbError)) throw error;
      this.unsearched.push({ path, unreadable: error.code });
    }
  }
}
