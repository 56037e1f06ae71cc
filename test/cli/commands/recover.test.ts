import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { DamagedBytes, fillDatabase, settle } from "../../support/damaged.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { spawnCli } from "../spawn-cli.ts";

describe("usagedb recover", () => {
  it("exits 0 for a whole database, and prints a balance", async () => {
    using folder = tempFolder();
    fillDatabase(folder.at("usage.db"));
    const result = await spawnCli([
      "recover",
      "--db",
      folder.at("usage.db"),
      "--to",
      folder.at("saved.db"),
    ]);
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout).toContain("Everything was saved into");
    expect(result.stdout).toMatch(/usage_message_rows +300 +300 +300 +0/);
  });

  it("exits 3 when something is lost, with the same figures as data", async () => {
    using folder = tempFolder();
    const path = folder.at("usage.db");
    fillDatabase(path);
    settle(path);
    {
      using bytes = new DamagedBytes(path);
      bytes.truncate(Math.floor(bytes.sizeBytes / 4096 / 2) * 4096);
    }
    const result = await spawnCli([
      "recover",
      "--from",
      path,
      "--to",
      folder.at("saved.db"),
      "--json",
    ]);
    expect(result.exitCode).toBe(3);
    const report = JSON.parse(result.stdout) as { isWhole: boolean; missingPages: unknown[] };
    expect(report).toMatchObject({ isWhole: false });
    expect(report.missingPages).toHaveLength(1);
  });

  it("exits 1 when there is nothing to save, 2 without a target, and makes no file", async () => {
    using folder = tempFolder();
    await Bun.write(folder.at("usage.db"), "no database");
    const db = ["--db", folder.at("usage.db")];
    const nothing = await spawnCli(["recover", ...db, "--to", folder.at("saved.db")]);
    expect(nothing.exitCode).toBe(1);
    expect(nothing.stderr).toContain("DATABASE_NOT_SQLITE");
    expect((await spawnCli(["recover", ...db])).exitCode).toBe(2);
    expect(existsSync(folder.at("saved.db"))).toBe(false);
  });
});
