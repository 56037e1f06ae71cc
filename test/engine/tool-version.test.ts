import { expect, it } from "bun:test";
import { TOOL_VERSION } from "../../src/engine/tool-version.ts";
import manifest from "../../package.json" with { type: "json" };

it("ledgers record the version that package.json states", () => {
  expect(TOOL_VERSION).toBe(manifest.version);
});
