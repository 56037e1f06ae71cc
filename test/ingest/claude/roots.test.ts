import { describe, expect, it } from "bun:test";
import { mkdirSync } from "node:fs";
import { claudeRoots } from "../../../src/ingest/claude/roots.ts";
import { errorOf } from "../../support/error-of.ts";
import { tempFolder } from "../../support/temp-folder.ts";

describe("claudeRoots()", () => {
  it("looks in both of Claude Code's defaults", () => {
    expect(claudeRoots({ home: "/home/me" })).toEqual([
      "/home/me/.config/claude/projects",
      "/home/me/.claude/projects",
    ]);
    expect(claudeRoots({ home: "/home/me", xdgConfigHome: "/cfg" })).toEqual([
      "/cfg/claude/projects",
      "/home/me/.claude/projects",
    ]);
    expect(claudeRoots({ home: "/home/me", configDir: "" })).toHaveLength(2);
  });

  it("refuses to look in the current folder for want of a home", () => {
    for (const configDir of [undefined, "", " , "]) {
      expect(errorOf(() => claudeRoots({ home: "", configDir })).details["field"]).toBe("home");
    }
    expect(claudeRoots({ home: "", configDir: "/a" })).toEqual(["/a/projects"]);
  });

  it("makes relative folders absolute", () => {
    expect(claudeRoots({ home: "/h", configDir: "data/claude" })).toEqual([
      `${process.cwd()}/data/claude/projects`,
    ]);
  });

  it("takes a list of configuration folders or of their projects, each once", () => {
    using folder = tempFolder();
    mkdirSync(folder.at("a", "projects"), { recursive: true });
    const a = folder.at("a");
    expect(claudeRoots({ home: "/h", configDir: `${a}, ${a}/projects ,/b` })).toEqual([
      `${a}/projects`,
      "/b/projects",
    ]);
  });
});
