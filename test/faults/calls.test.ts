import { describe, it } from "bun:test";
import { calls } from "./calls.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("an operation whose every write, flush, truncation and unlink fails", () => {
  const title = "leaves what is whole, says what happened, and succeeds when it is run again";
  if (calls.skip !== null) {
    it.skip(`${title} (${calls.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(calls);
    },
    FAULT_TIMEOUT_MS,
  );
});
