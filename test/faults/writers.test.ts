import { describe, it } from "bun:test";
import { writers } from "./writers.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("eight writers beside a prune", () => {
  const title = "lose nothing and never hear that the database is busy";
  if (writers.skip !== null) {
    it.skip(`${title} (${writers.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(writers);
    },
    FAULT_TIMEOUT_MS,
  );
});
