/** Reading a file that is one JSON document; for what agents write anew as a whole. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readable, UnreadableError } from "./line-reader.ts";

/** A document is in memory as a whole, and again as objects. */
export const MAX_DOCUMENT_BYTES: number = 64 << 20;

/** @throws {UnreadableError} also for one that is too large. */
export function readWholeFile(path: string, maxBytes: number = MAX_DOCUMENT_BYTES): Buffer {
  const descriptor = readable(() => openSync(path, "r"));
  try {
    const { size } = readable(() => fstatSync(descriptor));
    if (size > maxBytes)
      throw new UnreadableError(`a document of more than ${maxBytes >> 20} MB, passed over`);
    const bytes = Buffer.allocUnsafe(size);
    let filled = 0;
    while (filled < size) {
      const from = filled;
      const count = readable(() => readSync(descriptor, bytes, from, size - from, from));
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } finally {
    closeSync(descriptor);
  }
}
