/** What a disk may hold after the power was cut in the midst of logged calls. */
import type { Chance } from "../support/fault-rounds.ts";
import type { LoggedCall } from "./logged-calls.ts";
import { pick, whole } from "./row.ts";

const SECTOR_BYTES = 512;

/** Which of the writes after a file's last flush reached the disk. */
export const LOSSES = ["none", "all", "some", "torn"] as const;
export type Loss = (typeof LOSSES)[number];

/** A file's bytes; grows as it is written to. */
class DiskFile {
  bytes = Buffer.alloc(0);
  /** Calls since the last flush, which the disk may have seen or not. */
  pending: LoggedCall[] = [];

  apply({ kind, at, data }: LoggedCall, from = 0, to = data.length): void {
    if (kind === "truncate") {
      const grown = Buffer.alloc(at);
      this.bytes.copy(grown, 0, 0, Math.min(at, this.bytes.length));
      this.bytes = grown;
      return;
    }
    if (at + to > this.bytes.length) {
      const grown = Buffer.alloc(at + to);
      this.bytes.copy(grown);
      this.bytes = grown;
    }
    this.bytes.set(data.subarray(from, to), at + from);
  }

  flush(): void {
    for (const call of this.pending) this.apply(call);
    this.pending = [];
  }

  /** The bytes after a cut: what was flushed, and of the rest what the loss leaves, in any order. */
  cut(loss: Loss, dice: Chance): Buffer {
    const file = new DiskFile();
    file.bytes = Buffer.from(this.bytes);
    for (const call of this.pending) {
      const isThere = loss === "none" || (loss !== "all" && dice.next() < 0.5);
      if (!isThere) continue;
      if (loss !== "torn" || call.kind !== "write" || dice.next() < 0.5) file.apply(call);
      else file.#applySectors(call, dice);
    }
    return file.bytes;
  }

  /** Some of a write's sectors, each whole. */
  #applySectors(call: LoggedCall, dice: Chance): void {
    const first = Math.floor(call.at / SECTOR_BYTES);
    const last = Math.floor((call.at + call.data.length - 1) / SECTOR_BYTES);
    for (let sector = first; sector <= last; sector++) {
      if (dice.next() < 0.5) continue;
      const from = Math.max(0, sector * SECTOR_BYTES - call.at);
      const to = Math.min(call.data.length, (sector + 1) * SECTOR_BYTES - call.at);
      this.apply(call, from, to);
    }
  }
}

/**
 * A disk that calls are played to. What names mean is durable at once, except that a file that was unlinked since the
 * last flush of anything may be there again: file systems keep the order of names, and flush them with the next file.
 */
export class DiskImage {
  readonly #files = new Map<string, DiskFile>();
  readonly #unlinked = new Map<string, DiskFile>();

  play(call: LoggedCall): void {
    const { kind, path } = call;
    if (kind === "unlink") {
      const file = this.#files.get(path);
      if (file !== undefined) this.#unlinked.set(path, file);
      this.#files.delete(path);
    } else if (kind === "sync") {
      this.#files.get(path)?.flush();
      this.#unlinked.clear();
    } else if (kind === "rename" || kind === "link") {
      const to = Buffer.from(call.data).toString("utf8");
      const file = this.#files.get(path);
      if (file !== undefined) this.#files.set(to, file);
      if (kind === "rename") this.#files.delete(path);
    } else if (kind === "create") {
      this.#unlinked.delete(path);
      this.#files.set(path, new DiskFile());
    } else if (kind === "write" || kind === "truncate") {
      const file = this.#files.get(path) ?? new DiskFile();
      this.#files.set(path, file);
      file.pending.push(call);
    }
  }

  /** The files after the power was cut now. */
  cut(loss: Loss, dice: Chance): Map<string, Buffer> {
    const left = new Map<string, Buffer>();
    for (const [path, file] of this.#files) left.set(path, file.cut(loss, dice));
    for (const [path, file] of this.#unlinked)
      if (!left.has(path) && loss !== "none" && dice.next() < 0.5)
        left.set(path, file.cut(pick(dice, [loss, "none"]), dice));
    return left;
  }
}

/** A moment among `count` calls. */
export const momentOf = (count: number, dice: Chance): number => 1 + whole(dice, count);
