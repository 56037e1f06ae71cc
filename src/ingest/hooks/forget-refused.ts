/** Takes forgotten events out of the lines that no table took. */
import { readFileSync } from "node:fs";
import { Spool, spoolPath } from "./spool.ts";

/** Rewrites `<spool>.refused` without the lines that name one of the texts; returns how many went. */
export function forgetRefused(database: string, texts: readonly string[], now: number): number {
  using spool = new Spool(`${spoolPath(database)}.refused`);
  if (spool.sizeBytes() === 0) return 0;
  const forms = texts.flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
  let count = 0;
  for (const file of spool.take(now)) {
    const records = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map(textOf);
    const kept = records.filter((record) => !forms.some((text) => record.includes(text)));
    count += records.length - kept.length;
    if (kept.length > 0) spool.append(kept, { flush: true });
    spool.release(file);
  }
  return count;
}

/** A record of this spool is the line that was refused, as JSON text; one that was cut short is taken as it stands. */
function textOf(line: string): string {
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === "string" ? record : line;
  } catch (error) {
    if (error instanceof SyntaxError) return line;
    throw error;
  }
}
