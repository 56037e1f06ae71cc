/**
 * Strategy: what is no transcript in a transcript's place, beside one that is good.
 * Invariants: each is refused by name and counted; the good lines count whole; memory stays bounded.
 */
import { describe, expect, it } from "bun:test";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { type SyncReport, syncTranscripts, type UsageDb } from "../../src/index.ts";
import { tempFolder, type TempFolder } from "../support/temp-folder.ts";
import { assistant, writeLines } from "../support/transcripts.ts";
import { clockedDb } from "../support/usage-db.ts";

const sync = (db: UsageDb, folder: TempFolder): Promise<SyncReport> =>
  syncTranscripts(db, { sources: { claude: [folder.at("projects")] } });
const transcript = (folder: TempFolder, name: string): string =>
  folder.at("projects", "-app", `${name}.jsonl`);
const ids = (db: UsageDb): unknown[] =>
  db.connection.readOnce("SELECT message_id FROM usage_messages ORDER BY 1").flat();

/** A line of so many bytes, most of them a hole in the file, between two good ones. */
function writeLongLine(path: string, bytes: number): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "w");
  const first = `${JSON.stringify(assistant({ id: "m1" }))}\n`;
  writeSync(file, `${first}{"type":"assistant","message":{"usage":{}},"pad":"`);
  ftruncateSync(file, bytes);
  writeSync(file, `"}\n${JSON.stringify(assistant({ id: "m2" }))}\n`, bytes);
  closeSync(file);
}

describe("syncTranscripts() on bad input", () => {
  const megabytes = Number(process.env["USAGEDB_LONG_LINE_MB"] ?? 64);

  it(`passes over a line of ${megabytes} MB in bounded memory, and counts what is around it`, async () => {
    using folder = tempFolder();
    writeLongLine(transcript(folder, "long"), megabytes << 20);
    const script = `
      import { existsSync, readFileSync } from "node:fs";
      import { openUsageDb, syncTranscripts } from "${process.cwd()}/src/index.ts";
      using db = openUsageDb(":memory:");
      const report = await syncTranscripts(db, { claudeRoots: ["${folder.at("projects")}"] });
      const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "VmHWM: 0";
      const peak = /VmHWM:\\s+(\\d+)/.exec(status)?.[1];
      console.log(JSON.stringify({ report, peakKb: Number(peak) }));`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    const { report, peakKb } = JSON.parse(await child.stdout.text()) as {
      readonly report: SyncReport;
      readonly peakKb: number;
    };
    expect(report).toMatchObject({ malformedCount: 1, messages: { inserted: 2 } });
    expect(report.malformed).toEqual([
      { path: transcript(folder, "long"), line: 2, reason: "longer than 16 MB, passed over" },
    ]);
    // Of a line that is too long no more than 16 MB are ever there; the rest is Bun's. The process says it itself:
    // what its parent is told counts the parent's own memory at the fork.
    expect(peakKb).toBeLessThan(160 << 10);
  }, 60_000);

  it("reads a line that is nested a hundred thousand deep", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const deep = `${'{"a":['.repeat(100_000)}1${"]}".repeat(100_000)}`;
    const line = JSON.stringify(assistant({ id: "m1", extra: { deep: "HERE" } }));
    writeLines(transcript(folder, "deep"), [
      `${line.replace('"HERE"', deep)}\n`,
      `{"usage":${deep.slice(0, -1)}\n`,
      `{"usage":${deep}}\n`,
      assistant({ id: "m2" }),
    ]);
    const report = await sync(clocked.db, folder);
    expect(report.malformed.map(({ line: number }) => number)).toEqual([2]);
    expect(ids(clocked.db)).toEqual(["m1", "m2"]);
  });

  it("counts a binary file's lines, whatever bytes they have", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    const bytes = new Uint8Array(200_000).map((_, index) => (index * 7919 + (index >> 3)) & 0xff);
    writeLines(transcript(folder, "good"), [assistant({ id: "m1" })]);
    await Bun.write(transcript(folder, "binary"), bytes);
    const report = await sync(clocked.db, folder);
    expect(report.malformedCount).toBeGreaterThan(0);
    expect(report.malformed).toHaveLength(Math.min(100, report.malformedCount));
    expect(ids(clocked.db)).toEqual(["m1"]);
  });

  it("names what is called like a transcript and is no file, and waits for none of it", async () => {
    using folder = tempFolder();
    using clocked = clockedDb();
    writeLines(transcript(folder, "good"), [assistant({ id: "m1" })]);
    mkdirSync(transcript(folder, "folder"));
    symlinkSync(folder.path, transcript(folder, "link-to-folder"));
    symlinkSync(transcript(folder, "loop"), transcript(folder, "loop"));
    symlinkSync(folder.at("projects"), folder.at("projects", "-app", "again"));
    expect(Bun.spawnSync(["mkfifo", transcript(folder, "pipe")]).exitCode).toBe(0);
    const { unreadable, messages } = await sync(clocked.db, folder);
    expect(messages.inserted).toBe(1);
    expect(unreadable.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: transcript(folder, "folder"), reason: "EISDIR" },
      { path: transcript(folder, "link-to-folder"), reason: "EISDIR" },
      { path: transcript(folder, "loop"), reason: "ELOOP" },
      { path: transcript(folder, "pipe"), reason: "not a regular file" },
    ]);
  });

  it("names a file that may not be read, and does not take it for gone when its folder is closed", async () => {
    using folder = tempFolder();
    writeLines(transcript(folder, "good"), [assistant({ id: "m1" })]);
    writeLines(transcript(folder, "closed"), [assistant({ id: "m2" })]);
    chmodSync(folder.path, 0o777);
    const run = async (): Promise<SyncReport> => {
      const script = `
        import { openUsageDb, syncTranscripts } from "${process.cwd()}/src/index.ts";
        if (process.getuid() === 0) process.setuid(65534);
        using db = openUsageDb("${folder.at("usage.db")}");
        console.log(JSON.stringify(await syncTranscripts(db, { claudeRoots: ["${folder.at("projects")}"] })));`;
      const child = Bun.spawn([process.execPath, "-e", script], {
        stdout: "pipe",
        stderr: "inherit",
      });
      return JSON.parse(await child.stdout.text()) as SyncReport;
    };
    chmodSync(transcript(folder, "closed"), 0o000);
    expect(await run()).toMatchObject({
      messages: { inserted: 1 },
      unreadable: [{ path: transcript(folder, "closed"), reason: "EACCES" }],
    });
    chmodSync(folder.at("projects", "-app"), 0o000);
    expect(await run()).toMatchObject({
      filesFound: 0,
      filesMissing: 0,
      unreadable: [{ path: folder.at("projects", "-app"), reason: "EACCES" }],
    });
    chmodSync(folder.at("projects", "-app"), 0o755);
    chmodSync(transcript(folder, "closed"), 0o644);
    expect(await run()).toMatchObject({ messages: { inserted: 1 }, unreadable: [] });
  });
});
