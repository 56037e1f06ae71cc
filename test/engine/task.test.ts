import { describe, expect, it } from "bun:test";
import { runAsync, runSync, settle, type Task } from "../../src/engine/task.ts";

function* sum(...answers: (number | Promise<number>)[]): Task<number> {
  let total = 0;
  for (const answer of answers) total += yield* settle(answer);
  return total;
}

describe("runSync() and runAsync()", () => {
  it("give the same result for answers at once", async () => {
    expect(runSync(sum(1, 2))).toBe(3);
    expect(await runAsync(sum(1, 2))).toBe(3);
  });

  it("await promises, or refuse them when they can't", async () => {
    expect(await runAsync(sum(1, Promise.resolve(2)))).toBe(3);
    expect(() => runSync(sum(Promise.resolve(1)))).toThrow(TypeError);
  });

  it("hand a rejection to the task, which may handle it", async () => {
    function* handling(): Task<string> {
      try {
        yield* settle(Promise.reject(new Error("no")));
      } catch (error) {
        return error instanceof Error ? error.message : "?";
      }
      return "not thrown";
    }
    expect(await runAsync(handling())).toBe("no");
  });

  it("run the task's clean-up when they refuse", () => {
    let isClean = false;
    function* task(): Task<void> {
      try {
        yield* settle(Promise.resolve());
      } finally {
        isClean = true;
      }
    }
    expect(() => runSync(task())).toThrow(TypeError);
    expect(isClean).toBe(true);
  });
});
