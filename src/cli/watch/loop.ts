/** Keys, clocks and data, brought together on the screen until somebody quits. */
import type { UsageDb } from "../../usage-db.ts";
import { UsageDbError } from "../../errors.ts";
import { printable } from "../output.ts";
import { DEFAULT_SETTINGS, type UsageConfig } from "../../store/usage-config.ts";
import { type Key, KeyReader } from "./keys.ts";
import { loadData } from "./load.ts";
import { type Effect, press, type WatchState } from "./model.ts";
import { renderScreen } from "./render-screen.ts";
import { shownSettings } from "./shown-settings.ts";
import { Terminal } from "./terminal.ts";
import { BACKGROUND_QUESTION, paintLine, themeOf } from "./theme.ts";

export interface WatchLoopOptions {
  readonly db: UsageDb;
  readonly state: WatchState;
  readonly resetHour: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  readonly refreshRate: UsageConfig["refresh_rate"];
  readonly refreshPerSecond: UsageConfig["refresh_per_second"];
  /** Reads what is new in transcripts; null shows the database as it is. */
  readonly sync:
    | ((options: {
        readonly signal: AbortSignal;
        readonly onProgress: (done: number, total: number) => void;
      }) => Promise<void>)
    | null;
}

/** How a watch ended: by a key, or by a signal that has to be passed on. */
export type WatchEnd = "quit" | NodeJS.Signals;

const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** An escape that nothing follows for so long was the key itself. */
const ESCAPE_MS = 50;
/** Long enough for the signal that stops to arrive first. */
const RESUME_MS = 100;

/** Shows the screen until a key or a signal ends it; the terminal is given back on every way out. */
export async function runWatch(options: WatchLoopOptions): Promise<WatchEnd> {
  const loop = new WatchLoop(options);
  return loop.run();
}

class WatchLoop {
  readonly #options: WatchLoopOptions;
  readonly #terminal = new Terminal(() => this.#ended.resolve("SIGHUP"));
  readonly #keys = new KeyReader();
  readonly #ended = Promise.withResolvers<WatchEnd>();
  readonly #abort = new AbortController();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #state: WatchState;
  #reading: Promise<void> | null = null;
  #isOver = false;

  constructor(options: WatchLoopOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  async run(): Promise<WatchEnd> {
    const { refreshPerSecond } = this.#options;
    const release = this.#listen();
    try {
      this.#enter();
      this.#draw();
      const redraw = setInterval(
        this.#guarded(() => this.#draw()),
        1000 / refreshPerSecond,
      );
      try {
        this.#refresh();
        return await this.#ended.promise;
      } finally {
        clearInterval(redraw);
      }
    } finally {
      this.#isOver = true;
      for (const timer of this.#timers.values()) clearTimeout(timer);
      this.#terminal.leave();
      this.#abort.abort();
      // What is being read ends at its next whole point; the database must stay open until then.
      await this.#reading;
      release();
    }
  }

  /** Whatever goes wrong inside ends the watch, with the terminal given back, and is thrown by `run`. */
  #guarded<Arguments extends unknown[]>(
    work: (...values: Arguments) => void,
  ): (...values: Arguments) => void {
    return (...values) => {
      try {
        if (!this.#isOver) work(...values);
      } catch (error) {
        this.#ended.reject(error);
      }
    };
  }

  /** Returns what takes every listener away again. */
  #listen(): () => void {
    const fail = (error: unknown): void => this.#ended.reject(error);
    const hangUp = (): void => this.#ended.resolve("SIGHUP");
    const onData = this.#guarded((bytes: Uint8Array) => this.#read(bytes));
    const onResize = this.#guarded(() => {
      this.#terminal.forget();
      this.#draw();
    });
    const onContinue = this.#guarded(() => this.#resume());
    const signals = ENDING_SIGNALS.map((name) => [name, () => this.#ended.resolve(name)] as const);
    for (const [name, end] of signals) process.on(name, end);
    process.on("uncaughtException", fail);
    process.on("unhandledRejection", fail);
    process.on("SIGCONT", onContinue);
    process.stdin.on("data", onData).on("end", hangUp).on("error", hangUp);
    // A terminal that is closed answers every write with an error: nobody is left to tell.
    process.stdout.on("resize", onResize).on("error", hangUp);
    return () => {
      for (const [name, end] of signals) process.off(name, end);
      process.off("uncaughtException", fail).off("unhandledRejection", fail);
      process.off("SIGCONT", onContinue);
      process.stdin.off("data", onData).off("end", hangUp).off("error", hangUp);
      // The last write may still fail, so its listener stays.
      process.stdout.off("resize", onResize);
    };
  }

  #enter(): void {
    this.#terminal.enter();
    if (this.#state.background === null && this.#options.env["TERM"] !== "linux")
      this.#terminal.ask(BACKGROUND_QUESTION);
  }

  #draw(): void {
    if (this.#isOver) return;
    const { env, now } = this.#options;
    const { lines, listRows } = renderScreen(this.#state, now(), this.#terminal.size);
    this.#state = { ...this.#state, listRows };
    const theme = themeOf(this.#state.theme, { env, background: this.#state.background });
    this.#terminal.show(lines.map((line) => paintLine(line, theme)));
  }

  #read(bytes: Uint8Array): void {
    this.#press(this.#keys.read(bytes));
    if (this.#keys.isWaiting)
      this.#after("escape", ESCAPE_MS, () => this.#press(this.#keys.flush()));
  }

  #press(keys: readonly Key[]): void {
    for (const key of keys) {
      const { state, effect } = press(this.#state, key);
      this.#state = state;
      this.#follow(effect);
    }
    this.#draw();
  }

  #follow(effect: Effect): void {
    switch (effect) {
      case "none":
        return;
      case "load":
        return this.#load();
      case "sync":
        return this.#refresh();
      case "keep":
        return this.#keep();
      case "redraw":
        return this.#terminal.forget();
      case "suspend":
        return this.#suspend();
      case "quit":
        this.#isOver = true;
        this.#ended.resolve("quit");
    }
  }

  #keep(): void {
    const { db, env } = this.#options;
    const machine = { timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone, env };
    try {
      const config = db.config.get() ?? DEFAULT_SETTINGS;
      const settings = shownSettings(this.#state, config, machine);
      db.config.update(settings);
      const names = Object.keys(settings).join(", ");
      this.#state = {
        ...this.#state,
        notice: names === "" ? "these are the settings" : `kept ${names}`,
      };
    } catch (error) {
      this.#note(error);
    }
  }

  /** To the shell. The whole group stops, as if the terminal had sent it; where no shell looks after it, it goes on. */
  #suspend(): void {
    this.#terminal.leave();
    process.kill(0, "SIGTSTP");
    this.#after("resume", RESUME_MS, () => this.#resume());
  }

  /** Whoever had the terminal meanwhile may have left it in any state. */
  #resume(): void {
    this.#terminal.leave();
    this.#enter();
    this.#draw();
  }

  /** Reads the transcripts, then the database, and does so again after the time that the settings name. */
  #refresh(): void {
    if (this.#reading !== null) return;
    this.#reading = this.#sync()
      .then(
        this.#guarded(() => {
          this.#load();
          this.#draw();
        }),
        (error: unknown) => this.#ended.reject(error),
      )
      .finally(() => {
        this.#reading = null;
        this.#after("refresh", this.#options.refreshRate * 1000, () => this.#refresh());
      });
  }

  async #sync(): Promise<void> {
    const { sync } = this.#options;
    const { signal } = this.#abort;
    try {
      await sync?.({
        signal,
        onProgress: (done, total) => {
          this.#state = { ...this.#state, reading: { done, total } };
        },
      });
      this.#state = { ...this.#state, trouble: null };
    } catch (error) {
      if (!signal.aborted) this.#note(error);
    } finally {
      this.#state = { ...this.#state, reading: null, notice: null };
    }
  }

  #load(): void {
    const { db, now, resetHour } = this.#options;
    const { view, timeZone, agent } = this.#state;
    try {
      const data = loadData(db, { view, timeZone, agent, resetHour, nowMs: now() });
      this.#state = { ...this.#state, data };
    } catch (error) {
      this.#note(error);
    }
  }

  /** A database that is busy, or a disk that is full, may be better in a moment; anything else is our own mistake. */
  #note(error: unknown): void {
    if (!(error instanceof UsageDbError)) throw error;
    this.#state = { ...this.#state, trouble: printable(error.message) };
  }

  #after(name: string, ms: number, work: () => void): void {
    clearTimeout(this.#timers.get(name));
    if (!this.#isOver) this.#timers.set(name, setTimeout(this.#guarded(work), ms));
  }
}
