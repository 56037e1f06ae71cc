import { describe, it } from "bun:test";
import { model } from "./model.ts";
import { FAULT_TIMEOUT_MS, holdTo } from "./hold-to.ts";

describe("random calls of the API", () => {
  const title = "answer what a model in memory answers";
  if (model.skip !== null) {
    it.skip(`${title} (${model.skip})`, () => undefined);
    return;
  }
  it(
    title,
    async () => {
      await holdTo(model);
    },
    FAULT_TIMEOUT_MS,
  );
});
