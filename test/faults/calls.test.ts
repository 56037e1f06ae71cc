import { describe, it } from "bun:test";
import { calls } from "./calls.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

/** Points of the two operations, by chance: all of them take a minute, which is `bun run faults calls --short`. */
const ORDINARY_POINTS = 200;

describe("an operation whose every write, flush, truncation and unlink fails", () => {
  const title = "leaves what is whole, says what happened, and succeeds when it is run again";
  if (calls.skip !== null) {
    it.skip(`${title} (${calls.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(calls, ORDINARY_POINTS);
    },
    FAULT_TIMEOUT_MS,
  );
});
