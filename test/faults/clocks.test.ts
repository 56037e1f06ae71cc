import { describe, it } from "bun:test";
import { clocks } from "./clocks.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("a clock that jumps", () => {
  const title = "has nothing deleted that is inside the window";
  if (clocks.skip !== null) {
    it.skip(`${title} (${clocks.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(clocks);
    },
    FAULT_TIMEOUT_MS,
  );
});
