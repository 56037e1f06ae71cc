import { describe, it } from "bun:test";
import { kills } from "./kills.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("an operation that is killed at a random moment", () => {
  const title = "leaves what is whole, and the next run does the work";
  if (kills.skip !== null) {
    it.skip(`${title} (${kills.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(kills);
    },
    FAULT_TIMEOUT_MS,
  );
});
