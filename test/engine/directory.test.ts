import {
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, it } from "bun:test";
import { directorySource } from "../../src/engine/directory.ts";
import { codeOf, errorOf } from "../support/error-of.ts";
import { sections, settleFiles, writeMigrations } from "../support/migration-directory.ts";
import { tempFolder } from "../support/temp-folder.ts";

const A = sections("CREATE TABLE a (x);", "DROP TABLE a;");

describe("directorySource()", () => {
  it("reads every layout in order of version", () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), {
      "README.md": "notes",
      "10_plain.sql": "CREATE TABLE p (x);",
      "002_pair.up.sql": "CREATE TABLE q (x);",
      "002_pair.down.sql": "DROP TABLE q;",
      "001_a.sql": `\ufeff${A.replaceAll("\n", "\r\n")}`,
      "003_module.ts": "export const up = (db) => {}; export const down = (db) => {};",
      "004_default.js": "export default { up(db) {}, down: null };",
      "005_common.cjs": "module.exports = { up(db) {} };",
    });
    const source = directorySource(directory);
    expect(source.versions()).toEqual([1, 2, 3, 4, 5, 10]);
    const loaded = source.load().map(({ version, name, file, up, down, checksum }) => ({
      version,
      name,
      file: file.slice(directory.length + 1),
      kinds: [up.kind, down?.kind ?? null],
      form: checksum?.split(":")[0],
    }));
    expect(loaded).toEqual([
      { version: 1, name: "a", file: "001_a.sql", kinds: ["sql", "sql"], form: "sql1" },
      { version: 2, name: "pair", file: "002_pair.up.sql", kinds: ["sql", "sql"], form: "sql1" },
      {
        version: 3,
        name: "module",
        file: "003_module.ts",
        kinds: ["function", "function"],
        form: "module1",
      },
      {
        version: 4,
        name: "default",
        file: "004_default.js",
        kinds: ["function", null],
        form: "module1",
      },
      {
        version: 5,
        name: "common",
        file: "005_common.cjs",
        kinds: ["function", null],
        form: "module1",
      },
      { version: 10, name: "plain", file: "10_plain.sql", kinds: ["sql", null], form: "sql1" },
    ]);
  });

  it("takes the same checksum of a file whatever its line ends, byte order mark and comments", () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), { "001_a.sql": A });
    const before = directorySource(directory).load()[0]?.checksum;
    writeMigrations(directory, { "001_a.sql": `\ufeff-- why\r\n${A.replaceAll("\n", "\r\n")}` });
    expect(directorySource(directory).load()[0]?.checksum).toBe(before as string);
    writeMigrations(directory, { "001_a.sql": A.replace("(x)", "(y)") });
    expect(directorySource(directory).load()[0]?.checksum).not.toBe(before as string);
  });

  it.each([
    ["no up", "export const down = () => {};", "MIGRATION_MODULE_INVALID"],
    [
      "an up that is no function",
      "export const up = 'CREATE TABLE a (x)';",
      "MIGRATION_MODULE_INVALID",
    ],
    [
      "a down that is no function",
      "export const up = () => {}; export const down = 1;",
      "MIGRATION_MODULE_INVALID",
    ],
    ["a syntax error", "export const up = (", "MIGRATION_MODULE_INVALID"],
    ["an exception while loading", "throw new Error('no')", "MIGRATION_MODULE_INVALID"],
    ["a top-level await", "await 1; export const up = () => {};", "MIGRATION_MODULE_INVALID"],
    ["an async up", "export async function up(db) {}", "MIGRATION_ASYNC"],
    [
      "an async down",
      "export const up = () => {}; export const down = async () => {};",
      "MIGRATION_ASYNC",
    ],
    ["a generator", "export function* up(db) {}", "MIGRATION_ASYNC"],
  ])("refuses a module with %s", (_, text, code) => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), { "001_a.ts": text });
    const error = errorOf(() => directorySource(directory).load());
    expect(error.code).toBe(code as typeof error.code);
    expect(error.message).toContain(`${directory}/001_a.ts`);
  });

  it.each(["null", "undefined", "7"])("refuses a CommonJS module that exports %s", (value) => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), {
      "001_a.cjs": `module.exports = ${value};`,
    });
    expect(codeOf(() => directorySource(directory).load())).toBe("MIGRATION_MODULE_INVALID");
  });

  it("refuses bytes that are not UTF-8 instead of changing them", () => {
    using folder = tempFolder();
    for (const bytes of [
      new Uint8Array([0x2d, 0x2d, 0xe9, 0x0a]),
      Buffer.from("SELECT 1", "utf16le"),
    ]) {
      const directory = writeMigrations(folder.at("m"), { "001_a.sql": bytes });
      expect(["MIGRATION_FILE_INVALID", "MIGRATION_SQL_NUL"]).toContain(
        codeOf(() => directorySource(directory).load()),
      );
    }
  });

  it("names a folder or a dead link that is called like a migration", () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), { "001_a.sql": A });
    mkdirSync(`${directory}/002_b.sql`);
    expect(errorOf(() => directorySource(directory).load())).toMatchObject({
      code: "MIGRATION_FILE_INVALID",
      details: { fileName: `${directory}/002_b.sql` },
    });
    rmSync(`${directory}/002_b.sql`, { recursive: true });
    symlinkSync("nowhere", `${directory}/003_c.sql`);
    expect(codeOf(() => directorySource(directory).load())).toBe("MIGRATION_FILE_INVALID");
    expect(() => directorySource(directory).stamp()).not.toThrow();
  });

  it("reads nothing before it is asked to, and says where it looked", () => {
    using folder = tempFolder();
    const source = directorySource(folder.at("missing"));
    expect(source.location).toBe(folder.at("missing"));
    for (const work of [source.versions, source.stamp, source.load]) {
      const error = errorOf(work);
      expect(error.code).toBe("MIGRATIONS_NOT_FOUND");
      expect(error.message).toContain(folder.at("missing"));
    }
  });
});

describe("a directory's stamp", () => {
  const stampOf = (directory: string): string => directorySource(directory).stamp().value;

  it("stays as it is while nothing changes", () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), { "001_a.sql": A });
    const before = stampOf(directory);
    readFileSync(`${directory}/001_a.sql`);
    expect(stampOf(directory)).toBe(before);
  });

  it("is settled only when no file is so young that it could change within the same tick", () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), { "001_a.sql": A });
    expect(directorySource(directory).stamp().isSettled).toBe(false);
    settleFiles();
    expect(directorySource(directory).stamp().isSettled).toBe(true);
  });

  it.each([
    ["a file is added", (d: string) => writeFileSync(`${d}/002_b.sql`, A)],
    ["a file is removed", (d: string) => rmSync(`${d}/001_a.sql`)],
    ["a file grows", (d: string) => writeFileSync(`${d}/001_a.sql`, `${A}--`)],
    [
      "a file of equal size is written",
      (d: string) => writeFileSync(`${d}/001_a.sql`, A.replace("x", "y")),
    ],
    [
      "an edit hides behind the old time of modification",
      (d: string) => {
        const { atime, mtime } = statSync(`${d}/001_a.sql`);
        writeFileSync(`${d}/001_a.sql`, A.replace("x", "y"));
        utimesSync(`${d}/001_a.sql`, atime, mtime);
      },
    ],
    [
      "a file is replaced by another",
      (d: string) => {
        rmSync(`${d}/001_a.sql`);
        writeFileSync(`${d}/001_a.sql`, A);
      },
    ],
  ])("changes when %s", (_, change) => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), { "001_a.sql": A });
    settleFiles();
    const before = stampOf(directory);
    change(directory);
    expect(stampOf(directory)).not.toBe(before);
  });
});

describe("dependencies of a directory", () => {
  it("are read from SQL and from modules", () => {
    using folder = tempFolder();
    const directory = writeMigrations(folder.at("m"), {
      "001_a.sql": "CREATE TABLE a (x);",
      "002_b.sql": "-- migrate:depends 001\n-- migrate:up\nCREATE TABLE b (x);",
      "003_c.ts": "export const dependsOn = [1, 2]; export const up = () => {};",
    });
    const [, b, c] = directorySource(directory).load();
    expect(b?.dependsOn).toEqual([{ version: 1, file: `${directory}/002_b.sql`, line: 1 }]);
    expect(c?.dependsOn?.map(({ version }) => version)).toEqual([1, 2]);
  });

  it.each([
    ["002_b.sql", "-- migrate:depends 3\nSELECT 1;", "MIGRATION_DEPENDENCY_INVALID"],
    ["002_b.sql", "-- migrate:depends 2\nSELECT 1;", "MIGRATION_DEPENDENCY_INVALID"],
    ["002_b.ts", "export const dependsOn = 1, up = () => {};", "MIGRATION_DEPENDENCY_INVALID"],
  ])("are refused in %s that says %p", (fileName, text, code) => {
    using folder = tempFolder();
    const files = { "001_a.sql": "SELECT 1;", [fileName]: text };
    const directory = writeMigrations(folder.at("m"), files);
    expect(codeOf(() => directorySource(directory).load())).toBe(code);
  });
});
