import {
  chmodSync,
  linkSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, it } from "bun:test";
import { readOrMakeToken } from "../../src/serve/token-file.ts";
import { errorOf } from "../support/error-of.ts";
import { tempFolder } from "../support/temp-folder.ts";

describe("readOrMakeToken()", () => {
  it("writes a random token that only its owner can read, and reads it ever after", () => {
    using folder = tempFolder();
    const token = readOrMakeToken(folder.at("new", "token"));
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(statSync(folder.at("new", "token")).mode & 0o777).toBe(0o600);
    expect(statSync(folder.at("new")).mode & 0o777).toBe(0o700);
    expect(readOrMakeToken(folder.at("new", "token"))).toBe(token);
    expect(readOrMakeToken(folder.at("other"))).not.toBe(token);
  });

  it("takes a token that somebody wrote there", () => {
    using folder = tempFolder();
    writeFileSync(folder.at("token"), "  my-own-token-of-1\n", { mode: 0o600 });
    expect(readOrMakeToken(folder.at("token"))).toBe("my-own-token-of-1");
  });

  it("refuses a link, a folder, a file that others may read, and one without a token", () => {
    using folder = tempFolder();
    const observed = (path: string): unknown => {
      const error = errorOf(() => readOrMakeToken(path));
      expect(error.code).toBe("TOKEN_FILE_INVALID");
      return error.details["observed"];
    };
    readOrMakeToken(folder.at("token"));
    symlinkSync(folder.at("token"), folder.at("link"));
    expect(observed(folder.at("link"))).toBe("it is a symbolic link");
    expect(observed(folder.path)).toBe("it is no regular file");
    linkSync(folder.at("token"), folder.at("second"));
    expect(observed(folder.at("second"))).toBe("it has 2 names");
    unlinkSync(folder.at("second"));
    chmodSync(folder.at("token"), 0o644);
    expect(observed(folder.at("token"))).toBe("its mode is 644");
    writeFileSync(folder.at("short"), "short\n", { mode: 0o600 });
    expect(observed(folder.at("short"))).toBe("it holds no token");
    writeFileSync(folder.at("big"), "x".repeat(5000), { mode: 0o600 });
    expect(observed(folder.at("big"))).toBe("it has 5000 bytes");
    expect(readFileSync(folder.at("short"), "utf8")).toBe("short\n");
  });
});
