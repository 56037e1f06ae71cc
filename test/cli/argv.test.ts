import { describe, expect, it } from "bun:test";
import { parseArgs, refuseWord, takeWord } from "../../src/cli/argv.ts";
import { errorOf } from "../support/error-of.ts";

const ARGS = {
  version: { type: "positional", required: false },
  db: { type: "string", valueHint: "FILE" },
  to: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", alias: "h" },
} as const;

const parse = (...argv: string[]) => parseArgs("tool", argv, ARGS);

function refusal(...argv: string[]): string {
  const error = errorOf(() => parse(...argv));
  expect({ code: error.code, hint: error.hint }).toEqual({
    code: "CLI_USAGE",
    hint: "Run `tool --help` to see what it takes.",
  });
  return error.message;
}

describe("parseArgs()", () => {
  it("reads flags with their value apart or after an equals sign, and positionals between them", () => {
    expect(parse("--db", "a.db", "3", "--to=5", "--json")).toEqual({
      db: "a.db",
      version: "3",
      to: "5",
      json: true,
    });
  });

  it("keeps everything after the first equals sign", () => {
    expect(parse("--db=a=b.db")).toEqual({ db: "a=b.db" });
  });

  it("keeps an empty value that was written out", () => {
    expect(parse("--db=")).toEqual({ db: "" });
    expect(parse("--db", "")).toEqual({ db: "" });
  });

  it("takes what follows -- for arguments, whatever it looks like", () => {
    expect(parse("--json", "--", "--db")).toEqual({ json: true, version: "--db" });
  });

  it("takes a single dash for an argument", () => {
    expect(parse("-")).toEqual({ version: "-" });
  });

  it("knows a flag by its short name", () => {
    expect(parse("-h")).toEqual({ help: true });
  });

  it("takes a value that begins with one dash", () => {
    expect(parse("--to", "-1")).toEqual({ to: "-1" });
  });

  it.each([
    [["--bd", "a"], "Cannot run `tool`: --bd is not a flag of it, expected --db"],
    [["--jsn"], "Cannot run `tool`: --jsn is not a flag of it, expected --json"],
    [["-json"], "Cannot run `tool`: -json is not a flag of it, expected --json"],
    [["--JSON"], "Cannot run `tool`: --JSON is not a flag of it, expected --json"],
    [
      ["--elephant"],
      "Cannot run `tool`: --elephant is not a flag of it, expected one of --db, --to, --json, --help",
    ],
    [
      ["--version"],
      "Cannot run `tool`: --version is not a flag of it, expected one of --db, --to, --json, --help",
    ],
    [
      ["--constructor"],
      "Cannot run `tool`: --constructor is not a flag of it, expected one of --db, --to, --json, --help",
    ],
    [
      ["--__proto__=1"],
      "Cannot run `tool`: --__proto__ is not a flag of it, expected one of --db, --to, --json, --help",
    ],
  ])("refuses the unknown flag of %p and names the nearest", (argv, message) => {
    expect(refusal(...argv)).toBe(message);
  });

  it("refuses a flag without its value", () => {
    expect(refusal("--db")).toBe("Cannot run `tool`: --db has no value, expected --db FILE");
    expect(refusal("--to", "--json")).toBe(
      "Cannot run `tool`: --to has no value, expected --to TO",
    );
    expect(refusal("--db", "--")).toBe("Cannot run `tool`: --db has no value, expected --db FILE");
  });

  it("refuses a flag that is given twice, in whatever spelling", () => {
    expect(refusal("--db", "a", "--db=b")).toBe(
      "Cannot run `tool`: --db is given twice, expected it once",
    );
    expect(refusal("--help", "-h")).toBe(
      "Cannot run `tool`: --help is given twice, expected it once",
    );
  });

  it("refuses a value for a flag that takes none", () => {
    expect(refusal("--json=false")).toBe(
      "Cannot run `tool`: --json takes no value, expected the flag alone",
    );
  });

  it("refuses an argument too many", () => {
    expect(refusal("3", "4")).toBe(
      'Cannot run `tool`: the argument "4" is one too many, expected at most 1',
    );
    expect(errorOf(() => parseArgs("tool", ["x"], {})).message).toBe(
      'Cannot run `tool`: the argument "x" is one too many, expected none',
    );
  });

  it("refuses a missing argument that is required", () => {
    const args = { name: { type: "positional", required: true } } as const;
    expect(errorOf(() => parseArgs("tool", [], args)).message).toBe(
      "Cannot run `tool`: NAME is missing, expected `tool NAME`",
    );
  });
});

describe("takeWord()", () => {
  it.each([
    [["status"], "status", []],
    [["status", "--json"], "status", ["--json"]],
    [["--db", "x.db", "status", "3"], "status", ["--db", "x.db", "3"]],
    [["--db=x.db", "status"], "status", ["--db=x.db"]],
    [["--json", "status"], "status", ["--json"]],
    [["-h", "status"], "status", ["-h"]],
    [["--db", "status"], undefined, ["--db", "status"]],
    [["--unknown", "status"], undefined, ["--unknown", "status"]],
    [["--", "status"], undefined, ["--", "status"]],
    [[], undefined, []],
  ])("finds the command of %p", (argv, word, rest) => {
    expect(takeWord(argv, ARGS)).toEqual({ word, rest });
  });
});

describe("refuseWord()", () => {
  it("names the nearest command, or all of them", () => {
    const words = ["status", "up"];
    expect(errorOf(() => refuseWord("tool", "stats", words)).message).toBe(
      'Cannot run `tool`: "stats" is not a command, expected status',
    );
    expect(errorOf(() => refuseWord("tool", "elephant", words)).message).toBe(
      'Cannot run `tool`: "elephant" is not a command, expected one of status, up',
    );
  });
});
