import { describe, expect, it } from "bun:test";
import { assembleDirectory, type DirectoryListing, layoutOf } from "../../src/migration/layout.ts";
import { errorOf } from "../support/error-of.ts";

/** A listing from paths; the journal is given as its entries. */
function listing(paths: readonly string[], journal: unknown = null): DirectoryListing {
  const folders = new Map<string, string[]>();
  const fileNames: string[] = [];
  for (const path of paths) {
    const [folder = "", name] = path.split("/");
    if (name === undefined) fileNames.push(path);
    else folders.set(folder, [...(folders.get(folder) ?? []), name]);
  }
  return { fileNames, folders, journal: journal === null ? null : JSON.stringify(journal) };
}

const AT = Date.UTC(2024, 0, 31, 12, 34, 56);
const entry = (tag: string, when = AT): object => ({ idx: 0, version: "6", when, tag });
const SNAPSHOT = "meta/0000_snapshot.json";

describe("layoutOf()", () => {
  it.each([
    [listing([]), "flat"],
    [listing(["001_a.sql", "seeds/development.sql", "notes/up.md"]), "flat"],
    [listing(["2023-01-31-123456_a/up.sql"]), "diesel"],
    [
      listing(["20240131123456_a/migration.sql", "20240131123456_a/snapshot.json"]),
      "drizzle-folders",
    ],
    [listing(["0000_a.sql", SNAPSHOT], { entries: [] }), "drizzle-journal"],
  ] as const)("reads %j as %p", (names, layout) => {
    expect(layoutOf(names)).toBe(layout);
  });

  it.each([
    [listing(["001_a.sql", "2023_b/up.sql"]), "it mixes 2023_b/ of Diesel, 001_a.sql"],
    [listing(["1_a.ts", "2_b/migration.sql"]), "it mixes 2_b/migration.sql of drizzle, 1_a.ts"],
    [listing(["1_a.go", "2_b/migration.sql"]), "it mixes 2_b/migration.sql of drizzle, 1_a.go"],
    [listing(["1_a/up.sql", "2_b/migration.sql"]), "1_a/ of Diesel, 2_b/migration.sql of drizzle"],
    [
      listing(["0000_a.sql", "1_a/up.sql", SNAPSHOT], { entries: [entry("0000_a")] }),
      "1_a/ of Diesel, meta/_journal.json of drizzle",
    ],
    [listing(["1_b/migration.sql", SNAPSHOT], { entries: [] }), "meta/_journal.json of drizzle"],
    [listing(["0000_a.sql", SNAPSHOT]), "meta has snapshots of drizzle's but no _journal.json"],
  ] as const)("refuses %j", (names, observed) => {
    const error = errorOf(() => layoutOf(names));
    expect(error.code).toBe("MIGRATION_LAYOUT_INVALID");
    expect(error.message).toContain(observed);
  });
});

describe("assembleDirectory() of Diesel's folders", () => {
  it("takes the digits for the version, and zeros for version 1", () => {
    const found = assembleDirectory(
      listing([
        "2023-01-31-123456_create_users/up.sql",
        "2023-01-31-123456_create_users/down.sql",
        "2023-01-31-123456_create_users/metadata.toml",
        "00000000000000_diesel_initial_setup/up.sql",
        ".keep",
        "README.md",
        "seeds/development.sql",
      ]),
    );
    expect(found).toEqual([
      {
        version: 1,
        name: "diesel_initial_setup",
        layout: { kind: "pair", up: "00000000000000_diesel_initial_setup/up.sql", down: null },
      },
      {
        version: 20_230_131_123_456,
        name: "create_users",
        layout: {
          kind: "pair",
          up: "2023-01-31-123456_create_users/up.sql",
          down: "2023-01-31-123456_create_users/down.sql",
          settings: "2023-01-31-123456_create_users/metadata.toml",
        },
      },
    ]);
  });

  it.each([
    [["1_a/up.sql", "2_b/down.sql"], "2_b: it has no up.sql", "MIGRATION_FILE_INVALID"],
    [["1_a/up.sql", "2_b/README.md"], "2_b: it has no up.sql", "MIGRATION_FILE_INVALID"],
    [["1_a/up.sql", "b/up.sql"], "b: it does not start with a version", "MIGRATION_FILE_INVALID"],
    [["1/up.sql"], "1: it does not start with a version", "MIGRATION_FILE_INVALID"],
    [["2023-01-01_a/up.sql", "20230101_b/up.sql"], "20230101", "MIGRATION_VERSION_DUPLICATE"],
    [["0_a/up.sql", "001_b/up.sql"], "version 001", "MIGRATION_VERSION_DUPLICATE"],
  ])("refuses %j", (paths, observed, code) => {
    const error = errorOf(() => assembleDirectory(listing(paths)));
    expect([error.code, error.message]).toEqual([
      code as typeof error.code,
      expect.stringContaining(observed),
    ]);
  });
});

describe("assembleDirectory() of drizzle's", () => {
  it("makes versions of the journal's moments, in its order, each above the last", () => {
    const found = assembleDirectory(
      listing(["0000_a.sql", "0001_b.sql", "0002_c.sql", "0003_d.sql", SNAPSHOT], {
        dialect: "sqlite",
        entries: [
          entry("0000_a"),
          entry("0001_b", AT + 900),
          entry("0002_c", AT - 5000),
          entry("0003_d", AT + 60_000),
        ],
      }),
    );
    expect(found.map(({ version, name }) => [version, name])).toEqual([
      [20_240_131_123_456, "0000_a"],
      [20_240_131_123_457, "0001_b"],
      [20_240_131_123_458, "0002_c"],
      [20_240_131_123_556, "0003_d"],
    ]);
  });

  it("gives the newer folders the versions that their journal had", () => {
    const found = assembleDirectory(
      listing(["20240131123556_d/migration.sql", "20240131123456_a/migration.sql", "docs/x.md"]),
    );
    expect(found).toEqual([
      {
        version: 20_240_131_123_456,
        name: "a",
        layout: { kind: "sql", fileName: "20240131123456_a/migration.sql" },
      },
      {
        version: 20_240_131_123_556,
        name: "d",
        layout: { kind: "sql", fileName: "20240131123556_d/migration.sql" },
      },
    ]);
  });

  it.each([
    [["0000_a.sql"], { entries: [] }, "it has no entry for 0000_a.sql"],
    [["a.sql"], { entries: [] }, "it has no entry for a.sql"],
    [[], { entries: [entry("0000_a")] }, "its entry 0000_a has no file 0000_a.sql"],
    [["0000_a.sql"], { entries: [entry("0000_a"), entry("0000_a")] }, "two entries 0000_a"],
    [[], { entries: [entry("../0000_a")] }, "no usable tag"],
    [["a.sql"], { entries: [entry("a", Number.MAX_SAFE_INTEGER)] }, "no usable `when`"],
    [[], { entries: [], dialect: "postgresql" }, 'it is for "postgresql"'],
    [[], [], "it has no entries"],
  ])("refuses files %j with the journal %j", (fileNames, journal, observed) => {
    const error = errorOf(() => assembleDirectory(listing(fileNames, journal)));
    expect(error.code).toBe("MIGRATION_LAYOUT_INVALID");
    expect(error.message).toContain(observed);
  });

  it("refuses a journal that is not JSON", () => {
    const broken = { fileNames: [], folders: new Map(), journal: "{" };
    expect(errorOf(() => assembleDirectory(broken)).message).toContain("it is not JSON");
  });

  it.each([
    [["1_a/migration.sql", "2_b/snapshot.json"], "2_b: it has no migration.sql"],
    [["a/migration.sql"], "a: it does not start with a version"],
    [["0_a/migration.sql"], "0_a: it does not start with a version"],
  ])("refuses the folders %j", (paths, observed) => {
    const error = errorOf(() => assembleDirectory(listing(paths)));
    expect(error.code).toBe("MIGRATION_FILE_INVALID");
    expect(error.message).toContain(observed);
  });
});

describe("assembleDirectory() of flat files", () => {
  it("refuses another tool's program, unless SQL of the same version stands beside it", () => {
    const error = errorOf(() => assembleDirectory(listing(["001_a.sql", "00002_b.go"])));
    expect([error.code, error.details["fileName"]]).toEqual([
      "MIGRATION_FILE_INVALID",
      "00002_b.go",
    ]);
    const names = ["001_a.sql", "1_a.go", "002_b_test.go", "20240101_c.rb", "20240101_c.sql"];
    expect(assembleDirectory(listing(names)).map(({ version }) => version)).toEqual([
      1, 20_240_101,
    ]);
  });
});
