import { describe, it } from "bun:test";
import { soak } from "./soak.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

/** A minute would be most of what all tests together may take; `bun run faults soak --short` is that minute. */
const ORDINARY_SECONDS = 12;

describe("three processes that go on and on, killed now and then", () => {
  const title = "hold no more descriptors and no larger WAL than before";
  if (soak.skip !== null) {
    it.skip(`${title} (${soak.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(soak, ORDINARY_SECONDS);
    },
    FAULT_TIMEOUT_MS,
  );
});
