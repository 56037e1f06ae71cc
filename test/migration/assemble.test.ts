import { describe, expect, it } from "bun:test";
import * as fc from "fast-check";
import { assembleFiles, mainFile } from "../../src/migration/assemble.ts";
import { errorOf } from "../support/error-of.ts";

describe("assembleFiles()", () => {
  it("orders by number, joins pairs and leaves other files out", () => {
    const files = assembleFiles([
      "10_ten.sql",
      "9_nine.down.sql",
      "9_nine.up.sql",
      "README.md",
      "2_two.ts",
      "3_three.up.sql",
    ]);
    expect(files).toEqual([
      { version: 2, name: "two", layout: { kind: "module", fileName: "2_two.ts" } },
      { version: 3, name: "three", layout: { kind: "pair", up: "3_three.up.sql", down: null } },
      {
        version: 9,
        name: "nine",
        layout: { kind: "pair", up: "9_nine.up.sql", down: "9_nine.down.sql" },
      },
      { version: 10, name: "ten", layout: { kind: "sql", fileName: "10_ten.sql" } },
    ]);
    expect(files.map(mainFile)).toEqual([
      "2_two.ts",
      "3_three.up.sql",
      "9_nine.up.sql",
      "10_ten.sql",
    ]);
  });

  it.each([
    [["001_a.sql", "1_b.sql"]],
    [["001_a.sql", "001_a.ts"]],
    [["001_a.sql", "001_a.up.sql"]],
    [["001_a.sql", "001_a.down.sql"]],
    [["001_a.up.sql", "001_b.down.sql"]],
    [["001_a.up.sql", "1_a.up.sql"]],
    [["001_a.up.sql", "001_a.down.sql", "1_a.down.sql"]],
  ])("refuses one version in two files: %p", (fileNames) => {
    const error = errorOf(() => assembleFiles(fileNames));
    expect(error.code).toBe("MIGRATION_VERSION_DUPLICATE");
    expect(error.details["version"]).toBe(1);
  });

  it("refuses a down without its up and names the file that is expected", () => {
    const error = errorOf(() => assembleFiles(["001_a.sql", "002_b.down.sql"]));
    expect(error.code).toBe("MIGRATION_FILE_INVALID");
    expect(error.message).toContain("002_b.up.sql");
  });

  it("refuses a malformed name instead of skipping it", () => {
    const error = errorOf(() => assembleFiles(["001_a.sql", "create_b.sql"]));
    expect(error.code).toBe("MIGRATION_FILE_INVALID");
    expect(error.details["fileName"]).toBe("create_b.sql");
  });

  it("gives the same ascending list whatever the order of the directory", () => {
    const versions = fc.uniqueArray(fc.integer({ min: 1, max: 1e14 }), { maxLength: 30 });
    const shuffled = versions.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, ([all, order]) => {
        const files = assembleFiles(order.map((version) => `${version}_m.sql`));
        expect(files.map(({ version }) => version)).toEqual([...all].sort((a, b) => a - b));
      }),
    );
  });
});
