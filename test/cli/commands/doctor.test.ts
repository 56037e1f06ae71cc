import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { openUsageDb } from "../../../src/index.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { holdRead } from "../../support/held-read.ts";
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
  expect(mended).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(
      /^Gave 1 file\(s\) the mode 0600\.\nRan the jobs that were due: fold done,.*\n$/,
    ),
  });
  const healthy = await spawnCli(["doctor", "--db", path, "--json"]);
  expect(healthy.exitCode).toBe(0);
  expect(JSON.parse(healthy.stdout)).toMatchObject({
    isHealthy: true,
    path,
    file: { mode: "0600" },
    schema: { pendingCount: 0 },
    space: { ballastBytes: expect.any(Number), maxBytes: null },
    maintenance: { scheduledBy: expect.any(String) },
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

test("status and doctor name the process that keeps a large WAL from being emptied", async () => {
  using folder = tempFolder();
  const path = folder.at("usage.db");
  using db = openUsageDb(path);
  await using reader = await holdRead(path);
  for (let row = 0; row < 80; row++)
    db.events.insert({
      source_app: "a",
      session_id: "s",
      hook_event_type: "t",
      payload: { text: "x".repeat(500_000) },
    });
  const status = await spawnCli(["migrate", "status", "--db", path]);
  const doctor = await spawnCli(["doctor", "--db", path]);
  expect(status.stderr).toContain("The WAL has 4");
  expect(doctor.stdout).toMatch(/WAL: it has 4\d+ bytes/);
  if (process.platform === "linux") {
    expect(status.stderr).toContain(`process ${reader.pid} (`);
    expect(doctor.stdout).toContain(`process ${reader.pid}: it has been reading`);
  }
});
