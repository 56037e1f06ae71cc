import { describe, it } from "bun:test";
import { fullDisk } from "./full-disk.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("a full disk", () => {
  const title = "refuses by name, loses nothing, and goes on when there is room";
  if (fullDisk.skip !== null) {
    it.skip(`${title} (${fullDisk.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(fullDisk);
    },
    FAULT_TIMEOUT_MS,
  );
});
