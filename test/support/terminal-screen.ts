/** A program in a real pseudo-terminal, with what its user would see: the bytes go through an emulator of xterm. */
import { type IBufferCell, Terminal as Emulator } from "@xterm/headless";

export interface TerminalRunOptions {
  readonly cols: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The modes of the line discipline: equal before and after means that the terminal was given back. */
export type TerminalModes = readonly [input: number, output: number, local: number];

const WAIT_MS = 15_000;

export class TerminalRun implements AsyncDisposable {
  readonly process: Bun.Subprocess;
  readonly modesBefore: TerminalModes;
  readonly #emulator: Emulator;
  readonly #terminal: Bun.Terminal;
  readonly #written: Uint8Array[] = [];
  readonly #decoder = new TextDecoder();
  /** What the emulator has drawn so far; one character a byte, because pieces may end anywhere. */
  #drawn = "";
  readonly #latin = new TextDecoder("latin1");
  #changed = Promise.withResolvers<void>();

  constructor(command: readonly string[], { cols, rows, env, cwd }: TerminalRunOptions) {
    this.#emulator = new Emulator({ cols, rows, allowProposedApi: true });
    // Made by the spawn itself: only then is it the controlling terminal of a session of its own.
    this.process = Bun.spawn([...command], {
      env,
      terminal: {
        cols,
        rows,
        data: (_, bytes) => {
          const copy = bytes.slice();
          this.#written.push(copy);
          this.#emulator.write(copy, () => {
            this.#drawn += this.#latin.decode(copy);
            const { resolve } = this.#changed;
            this.#changed = Promise.withResolvers();
            resolve();
          });
        },
      },
      ...(cwd === undefined ? {} : { cwd }),
    });
    const { terminal } = this.process;
    if (terminal === undefined) throw new Error("Bun made no terminal.");
    this.#terminal = terminal;
    // The program takes longer to start than this.
    this.modesBefore = this.modes;
    // What the emulator answers to questions of the program.
    this.#emulator.onData((answer) => this.#terminal.write(answer));
  }

  get modes(): TerminalModes {
    const { inputFlags, outputFlags, localFlags } = this.#terminal;
    return [inputFlags, outputFlags, localFlags];
  }

  /** Everything that was written, escapes included. */
  get output(): string {
    return this.#decoder.decode(Buffer.concat(this.#written));
  }

  /** The lines on the screen, without blanks at their ends. */
  get lines(): string[] {
    const { active } = this.#emulator.buffer;
    return Array.from(
      { length: this.#emulator.rows },
      (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? "",
    );
  }

  get screen(): string {
    return this.lines.join("\n").trimEnd();
  }

  get isOnOtherScreen(): boolean {
    return this.#emulator.buffer.active.type === "alternate";
  }

  /** Whether the cursor can be seen, whether lines wrap: what a program may leave behind. */
  get isCursorShown(): boolean {
    return this.output.lastIndexOf("\u001b[?25h") >= this.output.lastIndexOf("\u001b[?25l");
  }

  get isWrapping(): boolean {
    return this.#emulator.modes.wraparoundMode;
  }

  /** Each look on the screen once, in the order of appearance, with the first text that has it. */
  get looks(): string[] {
    const { active } = this.#emulator.buffer;
    const looks = new Map<string, string>();
    for (let row = 0; row < this.#emulator.rows; row++) {
      const line = active.getLine(active.viewportY + row);
      let run = { look: "", text: "" };
      const end = (): void => {
        const text = run.text.trim();
        if (text !== "" && !looks.has(run.look)) looks.set(run.look, text);
      };
      for (let column = 0; column < this.#emulator.cols; column++) {
        const cell = line?.getCell(column);
        const look = cell === undefined ? "" : lookOf(cell);
        if (look !== run.look) {
          end();
          run = { look, text: "" };
        }
        run.text += cell?.getChars() || " ";
      }
      end();
    }
    return [...looks].map(([look, text]) => `${look}: ${text}`);
  }

  type(keys: string): void {
    this.#terminal.write(keys);
  }

  resize(cols: number, rows: number): void {
    this.#emulator.resize(cols, rows);
    this.#terminal.resize(cols, rows);
  }

  /** Hangs up, as closing the window does. */
  hangUp(): void {
    this.#terminal.close();
  }

  /** True between the marks that hold a terminal back: half of a frame is there. */
  get #isWithinFrame(): boolean {
    return this.#drawn.lastIndexOf("\u001b[?2026h") > this.#drawn.lastIndexOf("\u001b[?2026l");
  }

  /** Waits until the screen is as wanted; on failure the error shows it. */
  async until(isWanted: (screen: string) => boolean, what: string): Promise<string> {
    const deadline = Date.now() + WAIT_MS;
    while (this.#isWithinFrame || !isWanted(this.screen)) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`The screen never showed ${what}:\n${this.screen}`);
      await Promise.race([this.#changed.promise, Bun.sleep(Math.min(left, 250))]);
    }
    return this.screen;
  }

  /** Types, and waits for what the screen shows then. */
  async press(keys: string, wanted: string): Promise<string> {
    this.type(keys);
    return this.until((screen) => screen.includes(wanted), JSON.stringify(wanted));
  }

  /** The end of the program, and of everything that it still had to say. */
  async ended(): Promise<{ readonly exitCode: number | null; readonly signal: string | null }> {
    await this.process.exited;
    // The last bytes may still be on their way through the pseudo-terminal.
    let seen = -1;
    while (seen !== this.#written.length) {
      seen = this.#written.length;
      await Bun.sleep(10);
    }
    await new Promise<void>((resolve) => this.#emulator.write("", resolve));
    const { exitCode, signalCode } = this.process;
    return {
      exitCode: signalCode === null ? exitCode : null,
      signal: signalCode === null ? null : String(signalCode),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
    this.#terminal.close();
    this.#emulator.dispose();
  }
}

/** A cell's colours and style: `117 bold`, `16 on 117`. */
function lookOf(cell: IBufferCell): string {
  return [
    cell.isFgDefault() ? "default" : String(cell.getFgColor()),
    ...(cell.isBgDefault() ? [] : [`on ${cell.getBgColor()}`]),
    ...(cell.isBold() === 0 ? [] : ["bold"]),
    ...(cell.isInverse() === 0 ? [] : ["inverse"]),
  ].join(" ");
}
