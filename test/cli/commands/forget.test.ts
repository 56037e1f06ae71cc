import { describe, expect, it } from "bun:test";
import { readFileSync } from "node:fs";
import { openUsageDb } from "../../../src/index.ts";
import { message } from "../../support/usage-message.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { spawnCli } from "../spawn-cli.ts";

const SECRET = "5e55a0f1-0000-4000-8000-00000000000a";

function fill(path: string): void {
  using db = openUsageDb(path);
  db.messages.record([
    message({ session_id: SECRET, project: "/secret" }),
    message({ message_id: "msg_2", session_id: "other", project: "/open" }),
  ]);
  db.sessions.upsert({ session_id: SECRET, project: "/secret" });
}

describe("usagedb forget", () => {
  it("asks before it deletes, and without a terminal wants --yes", async () => {
    using folder = tempFolder();
    fill(folder.at("usage.db"));
    const argv = ["forget", "--session", SECRET, "--db", folder.at("usage.db")];
    const refused = await spawnCli(argv);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("--yes");
    expect(readFileSync(folder.at("usage.db")).includes(SECRET)).toBe(true);
    const done = await spawnCli([...argv, "--yes"]);
    expect(done).toMatchObject({ exitCode: 0, stderr: "" });
    expect(done.stdout).toContain("None of 1 text(s) stands in any of the files any more;");
    expect(readFileSync(folder.at("usage.db")).includes(SECRET)).toBe(false);
  });

  it("exits 3 when a text is still found, and says where", async () => {
    using folder = tempFolder();
    fill(folder.at("usage.db"));
    await Bun.write(folder.at("usage.db.notes"), `about ${SECRET}`);
    const result = await spawnCli([
      "forget",
      "--session",
      SECRET,
      "--db",
      folder.at("usage.db"),
      "--yes",
      "--json",
    ]);
    expect(result.exitCode).toBe(3);
    expect(JSON.parse(result.stdout)).toMatchObject({
      sessions: 1,
      isProved: false,
      found: [{ path: folder.at("usage.db.notes"), count: 1, firstOffset: 6 }],
    });
  });

  it("counts in a dry run without being asked twice", async () => {
    using folder = tempFolder();
    fill(folder.at("usage.db"));
    const db = ["--db", folder.at("usage.db")];
    const result = await spawnCli([
      "forget",
      "--project",
      "/secret",
      "--rollups",
      "--dry-run",
      ...db,
    ]);
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout).toContain("usage_message_rows: 1 row(s) would be deleted");
  });

  it.each([
    [["--session", "a", "--project", "b"], "CLI_USAGE"],
    [[], "CLI_USAGE"],
    [["--before", "yesterday"], "VALUE_INVALID"],
    [["--before", "2026-02-12T10:00"], "VALUE_INVALID"],
  ])("refuses %p", async (flags, code) => {
    using folder = tempFolder();
    const result = await spawnCli(["forget", ...flags, "--db", folder.at("usage.db"), "--yes"]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain(code);
  });
});
