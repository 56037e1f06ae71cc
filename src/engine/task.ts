/**
 * Work that is written once and runs against a synchronous or an asynchronous engine.
 *
 * bun:sqlite answers at once and embedders rely on it; PostgreSQL answers with promises. A task is a
 * generator that hands every driver answer to `settle`, and one of two runners decides what a promise means.
 */

export type MaybePromise<T> = T | PromiseLike<T>;

/** A wait that a task asks its runner for. */
export class Pause {
  readonly durationMs: number;

  constructor(durationMs: number) {
    this.durationMs = durationMs;
  }
}

export type Task<T> = Generator<PromiseLike<unknown> | Pause, T, unknown>;

/** Waits inside a task; a synchronous runner blocks its thread for so long. */
export function* pause(durationMs: number): Task<void> {
  yield new Pause(durationMs);
}

/** Waits for a driver's answer inside a task: `const rows = yield* settle(driver.readLedger())`. */
export function* settle<T>(answer: MaybePromise<T>): Task<T> {
  return isPromise(answer) ? ((yield answer) as T) : answer;
}

/**
 * Runs a task to its end without leaving the current turn of the event loop.
 * @throws {TypeError} when the driver answered with a promise: use `runAsync`.
 */
export function runSync<T>(task: Task<T>): T {
  let step = task.next();
  let asked: PromiseLike<unknown> | null = null;
  while (step.done !== true && asked === null) {
    if (step.value instanceof Pause) {
      Bun.sleepSync(step.value.durationMs);
      step = task.next();
    } else {
      asked = step.value;
    }
  }
  if (step.done === true) return step.value;
  // Nobody waits for the answer any more: should it be an error, it must not end the program.
  asked?.then(undefined, () => undefined);
  // Let the task's own clean-up run before the refusal leaves.
  task.return(undefined as T);
  throw new TypeError("Cannot run the task synchronously: its driver is asynchronous");
}

/** Runs a task to its end, awaiting every promise on the way. */
export async function runAsync<T>(task: Task<T>): Promise<T> {
  let step = task.next();
  while (step.done !== true) {
    let answer: unknown;
    try {
      answer = await (step.value instanceof Pause ? Bun.sleep(step.value.durationMs) : step.value);
    } catch (error) {
      step = task.throw(error);
      continue;
    }
    step = task.next(answer);
  }
  return step.value;
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}
