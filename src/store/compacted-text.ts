/**
 * Long JSON texts as zstd frames. The text's column keeps a small JSON document that says how long the text was; the
 * frame stands in a column of its own, so nothing that anybody may write as JSON can be mistaken for a compacted text.
 */
import { OperationError } from "../errors.ts";

/** Shorter texts stay: a hook's payload of this size still shrinks to 0.7, a shorter one hardly saves a line. */
export const COMPACT_MIN_BYTES = 512;
/** Where one more level costs more time than it saves bytes on hook payloads. */
export const COMPACT_LEVEL = 3;

/** In the frame's header descriptor: a checksum of the content follows the last block. */
const CHECKSUM_FLAG = 0b100;
const DESCRIPTOR = 4;

/**
 * A frame with the checksum of its content, as RFC 8878 has it; Bun's own frames have none, and SQLite's integrity
 * check does not see a flipped bit inside a value. Any zstd tool verifies it.
 */
export function checkedFrame(frame: Uint8Array, content: Uint8Array): Uint8Array {
  const checked = new Uint8Array(frame.length + 4);
  checked.set(frame);
  checked[DESCRIPTOR] = (frame[DESCRIPTOR] ?? 0) | CHECKSUM_FLAG;
  const sum = Number(BigInt.asUintN(32, Bun.hash.xxHash64(content)));
  new DataView(checked.buffer).setUint32(frame.length, sum, true);
  return checked;
}

/** What the text's column holds instead. */
export function compactedMarker(contentBytes: number): string {
  return `{"usagedb_compacted":${contentBytes}}`;
}

/**
 * The text that `coalesce(frame, text)` stands for.
 * @throws {OperationError} DATABASE_CORRUPT when the frame is not what was written.
 */
export function expandText(stored: string | Uint8Array): string {
  return typeof stored === "string" ? stored : new TextDecoder().decode(expandFrame(stored));
}

/** @throws {OperationError} DATABASE_CORRUPT when the frame is not what was written. */
export function expandFrame(frame: Uint8Array): Uint8Array {
  try {
    return Bun.zstdDecompressSync(frame);
  } catch (cause) {
    throw new OperationError(
      "DATABASE_CORRUPT",
      `Cannot expand a compacted text: its frame of ${frame.length} bytes is damaged, expected what was written`,
      { details: { frameBytes: frame.length }, cause },
    );
  }
}
