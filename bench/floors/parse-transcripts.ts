/**
 * The least that reading transcripts can cost: every file read, every line parsed, nothing kept.
 *
 *   bun bench/floors/parse-transcripts.ts FOLDER
 */
import { readdirSync, readFileSync } from "node:fs";

const [folder = ""] = process.argv.slice(2);
let parsed = 0;
let broken = 0;
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith(".jsonl")) continue;
  for (const line of readFileSync(`${entry.parentPath}/${entry.name}`, "utf8").split("\n")) {
    if (line.trim() === "") continue;
    try {
      JSON.parse(line);
      parsed++;
    } catch {
      broken++;
    }
  }
}
console.log(`parsed ${parsed} lines, ${broken} broken`);
