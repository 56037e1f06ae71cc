/** Transcripts that were compressed once they were cold: `.jsonl.zst` (Codex does it after a week), `.jsonl.gz`. */
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UnreadableError } from "./line-reader.ts";

const ENDINGS = [".zst", ".gz"] as const;
/** A file that expands to more is a bomb, not a transcript. */
const MAX_EXPANDED_BYTES = 16 * 2 ** 30;

export function isCompressed(path: string): boolean {
  return ENDINGS.some((ending) => path.endsWith(ending));
}

/** The path without what compressing adds to it. */
export function plainPath(path: string): string {
  const ending = ENDINGS.find((known) => path.endsWith(known));
  return ending === undefined ? path : path.slice(0, -ending.length);
}

/**
 * Expands a file, piece by piece, into one without a name: it is gone with its descriptor, whatever becomes of us.
 * @throws {UnreadableError} when it cannot be read, or is not what its ending says.
 */
export async function expandedFile(path: string): Promise<number> {
  // Streams take longer to load than most syncs take: not before there is something to expand.
  const [{ Writable }, { pipeline }, { createGunzip, createZstdDecompress }] = await Promise.all([
    import("node:stream"),
    import("node:stream/promises"),
    import("node:zlib"),
  ]);
  const descriptor = openUnnamed();
  let sizeBytes = 0;
  const target = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      try {
        sizeBytes += chunk.length;
        if (sizeBytes > MAX_EXPANDED_BYTES) throw new Error("it expands to more than 16 GB");
        for (let at = 0; at < chunk.length;) at += writeSync(descriptor, chunk, at);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error("cannot be written"));
      }
    },
  });
  try {
    const expand = path.endsWith(".gz") ? createGunzip() : createZstdDecompress();
    await pipeline(createReadStream(path), expand, target);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnreadableError(`cannot be expanded: ${reason}`, error);
  }
}

function openUnnamed(): number {
  const folder = mkdtempSync(join(tmpdir(), "usagedb-"));
  try {
    return openSync(join(folder, "expanded"), "wx+", 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
