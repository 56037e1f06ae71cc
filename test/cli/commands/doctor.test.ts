import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { openUsageDb } from "../../../src/index.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { spawnCli } from "../spawn-cli.ts";

test("doctor exits 3 with the remedy, mends with --fix, and then exits 0", async () => {
  using folder = tempFolder();
  const path = folder.at("usage.db");
  openUsageDb(path).close();
  chmodSync(path, 0o644);
  const ill = await spawnCli(["doctor", "--db", path]);
  expect(ill).toMatchObject({ exitCode: 3, stderr: "" });
  expect(ill.stdout).toContain("its mode is 0644");
  expect(ill.stdout).toContain(`chmod 600 ${path}`);
  const mended = await spawnCli(["doctor", "--fix", "--db", path]);
  expect(mended).toMatchObject({ exitCode: 0, stderr: "Gave 1 file(s) the mode 0600.\n" });
  const healthy = await spawnCli(["doctor", "--db", path, "--json"]);
  expect(healthy.exitCode).toBe(0);
  expect(JSON.parse(healthy.stdout)).toMatchObject({
    isHealthy: true,
    path,
    file: { mode: "0600" },
    schema: { pendingCount: 0 },
    wal: { openIn: [] },
    notChecked: [],
  });
});

test("doctor of a missing file creates nothing and exits 3", async () => {
  using folder = tempFolder();
  const path = folder.at("usage.db");
  const { exitCode, stdout } = await spawnCli(["doctor", "--db", path]);
  expect(exitCode).toBe(3);
  expect(stdout).toContain("there is no such file");
  expect(await Bun.file(path).exists()).toBe(false);
});
