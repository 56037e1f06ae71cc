import { describe, it } from "bun:test";
import { corrupt } from "./corrupt.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("a command on a damaged file", () => {
  const title = "neither crashes nor hangs, deletes nothing, and names what is wrong";
  if (corrupt.skip !== null) {
    it.skip(`${title} (${corrupt.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(corrupt);
    },
    FAULT_TIMEOUT_MS,
  );
});
