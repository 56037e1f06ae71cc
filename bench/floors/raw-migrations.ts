/** What the engine is measured against in-process: the same statements, a transaction a migration, nothing kept. */
import { readdirSync, readFileSync } from "node:fs";
import type { Database } from "bun:sqlite";

/** Runs each text between BEGIN IMMEDIATE and COMMIT. */
export function applyTexts(database: Database, texts: readonly string[]): void {
  for (const text of texts) {
    database.run("BEGIN IMMEDIATE");
    database.run(text);
    database.run("COMMIT");
  }
}

/** The same from a folder of files. */
export function applyFolder(database: Database, folder: string): void {
  const texts = readdirSync(folder)
    .sort()
    .map((name) => readFileSync(`${folder}/${name}`, "utf8"));
  applyTexts(database, texts);
}
