/** What the shim's FAULT_LOG holds: every call that changed a file, in its order, with its bytes. */
import { readFileSync } from "node:fs";
import { CALL_KINDS, type CallKind } from "../support/fault-shim.ts";

export interface LoggedCall {
  readonly kind: CallKind;
  readonly path: string;
  /** The offset of a write, the new size of a truncation. */
  readonly at: number;
  readonly data: Uint8Array;
}

const HEAD_BYTES = 32;

export function readLog(path: string): LoggedCall[] {
  const bytes = readFileSync(path);
  const calls: LoggedCall[] = [];
  for (let at = 0; at < bytes.length;) {
    const [kind, nameSize, offset, size] = [0, 8, 16, 24].map((field) =>
      Number(bytes.readBigInt64LE(at + field)),
    ) as [number, number, number, number];
    const name = bytes.toString("utf8", at + HEAD_BYTES, at + HEAD_BYTES + nameSize);
    const start = at + HEAD_BYTES + nameSize;
    calls.push({
      kind: CALL_KINDS[kind] as CallKind,
      path: name,
      at: offset,
      data: bytes.subarray(start, start + size),
    });
    at = start + size;
  }
  return calls;
}
