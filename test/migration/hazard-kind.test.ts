import { describe, expect, it } from "bun:test";
import { HAZARD_KINDS, parseHazardKinds } from "../../src/migration/hazard-kind.ts";

describe("parseHazardKinds()", () => {
  it.each([...HAZARD_KINDS])("knows %s", (kind) => {
    expect(parseHazardKinds(kind)).toEqual({ kinds: [kind], unknown: null });
  });

  it("takes commas, blanks and any case", () => {
    expect(parseHazardKinds(" deletes_data, CASCADES  Rebuilds ")).toEqual({
      kinds: ["DELETES_DATA", "CASCADES", "REBUILDS"],
      unknown: null,
    });
  });

  it("names the first that is none", () => {
    expect(parseHazardKinds("CASCADES,DELETES,NONE").unknown).toBe("DELETES");
  });
});
