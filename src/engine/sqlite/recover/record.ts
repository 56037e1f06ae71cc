/** SQLite's record format: https://www.sqlite.org/fileformat2.html#record_format */

export type RecordValue = string | number | bigint | Uint8Array | null;

export interface Varint {
  readonly value: number | bigint;
  readonly next: number;
}

/** One to nine bytes, seven bits each and eight in the last; null when they run over the end. */
export function readVarint(bytes: Buffer, at: number): Varint | null {
  let value = 0;
  for (let index = 0; index < 7; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return null;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, next: at + index + 1 };
  }
  let big = BigInt(value);
  const [eighth, ninth] = [bytes[at + 7], bytes[at + 8]];
  if (eighth === undefined) return null;
  big = (big << 7n) | BigInt(eighth & 0x7f);
  if (eighth < 0x80) return { value: narrowed(big), next: at + 8 };
  if (ninth === undefined) return null;
  return { value: narrowed(BigInt.asIntN(64, (big << 8n) | BigInt(ninth))), next: at + 9 };
}

/** A number where it is exact. */
function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The values of a record; null as soon as anything of it is not as SQLite writes it. */
export function readRecord(payload: Buffer): RecordValue[] | null {
  const header = readVarint(payload, 0);
  if (header === null || typeof header.value !== "number") return null;
  const headerEnd = header.value;
  if (headerEnd < header.next || headerEnd > payload.length) return null;
  const values: RecordValue[] = [];
  let content = headerEnd;
  let at = header.next;
  while (at < headerEnd) {
    const type = readVarint(payload, at);
    if (type === null || typeof type.value !== "number" || type.next > headerEnd) return null;
    at = type.next;
    const size = sizeOf(type.value);
    if (size === null || content + size > payload.length) return null;
    const value = readValue(payload, content, type.value);
    if (value === undefined) return null;
    values.push(value);
    content += size;
  }
  return content === payload.length && values.length > 0 ? values : null;
}

const SIZES: readonly (number | null)[] = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, null, null];

function sizeOf(type: number): number | null {
  if (type < 0) return null;
  return type < 12 ? (SIZES[type] ?? null) : Math.floor((type - 12) / 2);
}

/** Undefined for text that is not UTF-8. */
function readValue(bytes: Buffer, at: number, type: number): RecordValue | undefined {
  if (type === 0) return null;
  if (type <= 4) return bytes.readIntBE(at, type);
  if (type === 5) return bytes.readIntBE(at, 6);
  if (type === 6) return narrowed(bytes.readBigInt64BE(at));
  if (type === 7) return bytes.readDoubleBE(at);
  if (type <= 9) return type - 8;
  const part = bytes.subarray(at, at + Math.floor((type - 12) / 2));
  if (type % 2 === 0) return new Uint8Array(part);
  try {
    return TEXT.decode(part);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
