import { describe, it } from "bun:test";
import { held } from "./held.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("a process that is in the way", () => {
  const title = "is reported, and everything is as before when it is gone";
  if (held.skip !== null) {
    it.skip(`${title} (${held.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(held);
    },
    FAULT_TIMEOUT_MS,
  );
});
