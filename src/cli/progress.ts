/** A line that says how far long work is; on a terminal only. */
import { printable } from "./output.ts";

const WIDTH = 24;
const REDRAW_MS = 100;

export class ProgressLine {
  readonly #label: string;
  readonly #isQuiet: boolean;
  #drawnAt = 0;

  constructor(label: string, isQuiet: boolean) {
    this.#label = label;
    this.#isQuiet = isQuiet;
  }

  /** @param tail stands behind the amounts. */
  update(done: number, total: number, unit: (amount: number) => string, tail = ""): void {
    const now = performance.now();
    // Asking for the terminal loads all of Node's streams: not before there is something to draw.
    if (this.#isQuiet || now - this.#drawnAt < REDRAW_MS || process.stderr.isTTY !== true) return;
    this.#drawnAt = now;
    const share = total <= 0 ? 1 : Math.min(1, done / total);
    const filled = Math.round(share * WIDTH);
    process.stderr.write(
      `\r${printable(this.#label)} ${"█".repeat(filled)}${"░".repeat(WIDTH - filled)} ${Math.floor(share * 100)}% ${unit(done)} of ${unit(total)}${printable(tail)}\u001b[K`,
    );
  }

  /** For work of which nobody knows the end. */
  count(text: string): void {
    const now = performance.now();
    if (this.#isQuiet || now - this.#drawnAt < REDRAW_MS || process.stderr.isTTY !== true) return;
    this.#drawnAt = now;
    process.stderr.write(`\r${this.#label} ${text}\u001b[K`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#drawnAt > 0) process.stderr.write("\r\u001b[K");
  }
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
