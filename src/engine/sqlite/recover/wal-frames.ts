/** Which pages a `-wal` file has newer, by the checksums that SQLite itself goes by. */
import { readSync } from "node:fs";

export interface WalFrames {
  readonly pageSize: number;
  /** Where the newest committed content of a page stands in the file, by page. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Pages of the database after the last commit; null when there is none. */
  readonly pageCount: number | null;
  /** Frames up to the last commit, and those of the same writer after it, which count for nothing. */
  readonly usedFrames: number;
  readonly cutFrames: number;
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

/** Reads a WAL's frames; null when its header is none, and then SQLite takes nothing from it either. */
export function readWalFrames(descriptor: number, sizeBytes: number): WalFrames | null {
  const header = Buffer.alloc(HEADER_BYTES);
  if (readSync(descriptor, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return null;
  const magic = header.readUInt32BE(0);
  const pageSize = header.readUInt32BE(8);
  if ((magic & ~1) !== MAGIC || !isPageSize(pageSize)) return null;
  const isBigEndian = (magic & 1) === 1;
  const salts = header.subarray(16, 24);
  let sum = checksum([0, 0], header.subarray(0, 24), isBigEndian);
  if (!isSum(sum, header, 24)) return null;
  const frameBytes = FRAME_HEADER_BYTES + pageSize;
  const frame = Buffer.alloc(frameBytes);
  const offsets = new Map<number, number>();
  const pending = new Map<number, number>();
  let [seen, used, pageCount] = [0, 0, null as number | null];
  let isChained = true;
  for (let at = HEADER_BYTES; at + frameBytes <= sizeBytes; at += frameBytes) {
    if (readSync(descriptor, frame, 0, frameBytes, at) < frameBytes) break;
    // A frame of an earlier round of the same file: everything from here on is old.
    if (frame.compare(salts, 0, 8, 8, 16) !== 0) break;
    seen++;
    if (!isChained) continue;
    sum = checksum(sum, frame.subarray(0, 8), isBigEndian);
    sum = checksum(sum, frame.subarray(FRAME_HEADER_BYTES), isBigEndian);
    isChained = isSum(sum, frame, 16);
    if (!isChained) continue;
    pending.set(frame.readUInt32BE(0), at + FRAME_HEADER_BYTES);
    const committed = frame.readUInt32BE(4);
    if (committed === 0) continue;
    for (const [page, offset] of pending) offsets.set(page, offset);
    pending.clear();
    [used, pageCount] = [seen, committed];
  }
  return { pageSize, offsets, pageCount, usedFrames: used, cutFrames: seen - used };
}

export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
}

type Sum = readonly [number, number];

function checksum([first, second]: Sum, bytes: Buffer, isBigEndian: boolean): Sum {
  let [s0, s1] = [first, second];
  for (let at = 0; at < bytes.length; at += 8) {
    const x0 = isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    const x1 = isBigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4);
    s0 = (s0 + x0 + s1) >>> 0;
    s1 = (s1 + x1 + s0) >>> 0;
  }
  return [s0, s1];
}

const isSum = ([s0, s1]: Sum, bytes: Buffer, at: number): boolean =>
  s0 === bytes.readUInt32BE(at) && s1 === bytes.readUInt32BE(at + 4);
