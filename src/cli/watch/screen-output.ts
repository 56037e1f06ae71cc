/** Bytes to the screen, without ever waiting for it: a terminal that is held must not hold the program. */
import { constants, openSync, writeSync } from "node:fs";

const STDOUT = 1;
/** How soon a terminal that was full is tried again. */
const RETRY_MS = 20;
/** How long a terminal that takes nothing keeps the program from ending. */
const LAST_WRITE_MS = 500;

export class ScreenOutput {
  readonly #onGone: () => void;
  readonly #descriptor = openWithoutWaiting();
  #rest: Buffer = Buffer.alloc(0);
  #retry: ReturnType<typeof setTimeout> | null = null;

  /** @param onGone told when nobody is left to write to. */
  constructor(onGone: () => void) {
    this.#onGone = onGone;
  }

  /** True while the terminal has not taken everything yet. */
  get isBlocked(): boolean {
    return this.#rest.length > 0;
  }

  /** Writes what the terminal takes at once, and the rest as soon as it does. */
  write(text: string): void {
    this.#rest = Buffer.concat([this.#rest, Buffer.from(text)]);
    this.#push();
  }

  /** Writes before the process goes on, so that nothing that follows can come first; gives up on a held terminal. */
  writeLast(text: string): void {
    this.#rest = Buffer.concat([this.#rest, Buffer.from(text)]);
    const deadline = performance.now() + LAST_WRITE_MS;
    while (!this.#push() && performance.now() < deadline) Bun.sleepSync(5);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#rest = Buffer.alloc(0);
  }

  /** True when nothing is left. */
  #push(): boolean {
    try {
      while (this.#rest.length > 0)
        this.#rest = this.#rest.subarray(writeSync(this.#descriptor, this.#rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") {
        if (this.#retry !== null) clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#push(), RETRY_MS);
        return false;
      }
      this.#rest = Buffer.alloc(0);
      this.#onGone();
    }
    return true;
  }
}

/**
 * The terminal behind stdout, opened once more: the new descriptor can be told not to wait without telling the shell's,
 * which stdout shares. Where the system has no such name, stdout itself.
 */
function openWithoutWaiting(): number {
  for (const path of ["/proc/self/fd/1", "/dev/tty"]) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
  return STDOUT;
}
