import { describe, it } from "bun:test";
import { starts } from "./starts.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("eight processes that start on a fresh file", () => {
  const title = "all succeed, and each row of theirs is there";
  if (starts.skip !== null) {
    it.skip(`${title} (${starts.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(starts);
    },
    FAULT_TIMEOUT_MS,
  );
});
