/** The terminal that `watch` draws on, and how it is given back: whatever happens, exactly as it was. */
import { ScreenOutput } from "./screen-output.ts";

/** The other screen, no cursor, no wrapping: a line that is too wide cannot push the next one down. */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J";
/** In the other order; what is not on is switched off without harm. */
const LEAVE = "\u001b[?2026l\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l";
/** The terminal shows nothing between the two, so a frame never tears. */
const FRAME_START = "\u001b[?2026h";
const FRAME_END = "\u001b[?2026l";

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

export class Terminal {
  #isEntered = false;
  #shown: readonly string[] = [];
  readonly #output: ScreenOutput;
  /** Gives back the terminal when something else ends the process. */
  readonly #onExit = (): void => this.leave();

  /** @param onGone told when nobody is left to write to. */
  constructor(onGone: () => void) {
    this.#output = new ScreenOutput(onGone);
  }

  get size(): TerminalSize {
    return { width: process.stdout.columns || 80, height: process.stdout.rows || 24 };
  }

  enter(): void {
    if (this.#isEntered) return;
    this.#isEntered = true;
    this.#shown = [];
    process.on("exit", this.#onExit);
    process.stdin.setRawMode(true);
    process.stdin.resume();
    this.ask(ENTER);
  }

  /** Safe to call at any time and any number of times. */
  leave(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    process.off("exit", this.#onExit);
    this.#output.writeLast(LEAVE);
    try {
      process.stdin.setRawMode(false);
    } catch (error) {
      // A terminal that is gone has no mode to give back.
      if (!(error instanceof Error)) throw error;
    }
    process.stdin.pause();
  }

  /** Writes as it stands: a question to the terminal. */
  ask(sequence: string): void {
    if (this.#isEntered) this.#output.write(sequence);
  }

  /** Draws all lines the next time, whatever is thought to be on the screen. */
  forget(): void {
    this.#shown = [];
  }

  /**
   * Brings the screen to these lines, writing only those that changed. A terminal that has not taken the last frame
   * yet is spared this one.
   */
  show(lines: readonly string[]): void {
    if (!this.#isEntered || this.#output.isBlocked) return;
    const changes = changedLines(this.#shown, lines);
    if (changes === "") return;
    this.#shown = lines;
    this.#output.write(`${FRAME_START}${changes}${FRAME_END}`);
  }
}

function changedLines(shown: readonly string[], lines: readonly string[]): string {
  // Another number of lines is another screen, with who knows what on it.
  const isAnew = shown.length !== lines.length;
  const changed = lines.flatMap((line, row) =>
    isAnew || shown[row] !== line ? [`\u001b[${row + 1};1H${line}\u001b[K`] : [],
  );
  return isAnew ? `\u001b[2J${changed.join("")}` : changed.join("");
}
