/** Migration directories on disk. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Writes the files, folders included, and returns the directory; call it again to add or change some. */
export function writeMigrations(
  directory: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): string {
  mkdirSync(directory, { recursive: true });
  for (const [fileName, content] of Object.entries(files)) {
    const path = join(directory, fileName);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return directory;
}

/** One `.sql` text with both sections. */
export function sections(up: string, down: string): string {
  return `-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n`;
}

/** Waits until the directory's stamp counts as settled: younger files could change unseen. */
export function settleFiles(): void {
  Bun.sleepSync(80);
}
