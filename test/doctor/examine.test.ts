import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { examine, type ExamineOptions, type HealthReport } from "../../src/doctor/examine.ts";
import { mend } from "../../src/doctor/mend.ts";
import { openUsageDb } from "../../src/index.ts";
import { syncTranscripts } from "../../src/usage-sync.ts";
import { holdRead } from "../support/held-read.ts";
import { fillMaintained } from "../support/maintained.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { assistant, writeLines } from "../support/transcripts.ts";
import { NOON } from "../support/usage-db.ts";
import { ILLNESSES, type Patient } from "./illnesses.ts";

const folder = tempFolder();
const healthy = folder.at("healthy.db");
let patients = 0;

beforeAll(async () => {
  const root = folder.at("read");
  writeLines(`${root}/app/a.jsonl`, [assistant()]);
  using db = openUsageDb(healthy, { now: () => NOON });
  await syncTranscripts(db, { sources: { claude: [root] } });
});
afterAll(() => folder[Symbol.dispose]());

/** A copy of the healthy database in a folder of its own. */
function patient(): Patient {
  const home = folder.at(`patient-${patients++}`);
  mkdirSync(`${home}/transcripts`, { recursive: true, mode: 0o700 });
  const path = `${home}/usage.db`;
  copyFileSync(healthy, path);
  return { path, transcripts: `${home}/transcripts` };
}

function look(
  { path, transcripts }: Patient,
  more: Partial<ExamineOptions> = {},
): Promise<HealthReport> {
  return examine({
    path,
    now: () => NOON,
    ownPid: process.pid,
    uid: process.getuid?.() ?? null,
    sources: { claude: [transcripts] },
    claudeKeepsDays: 30,
    toolVersions: { bun: Bun.version, usagedb: "0.0.0" },
    ...more,
  });
}

describe("a healthy database", () => {
  test("has nothing that needs doing, and every part was looked at", async () => {
    const report = await look(patient());
    expect(
      report.topics.flatMap(({ findings }) => findings.filter((f) => f.degree === "problem")),
    ).toEqual([]);
    expect(report.topics.flatMap(({ notChecked }) => notChecked)).toEqual([]);
    expect(report.isHealthy).toBe(true);
  });

  test("is not changed by the look", async () => {
    const one = patient();
    const before = readFileSync(one.path);
    await look(one);
    expect(readFileSync(one.path).equals(before)).toBe(true);
  });
});

describe("an illness is named with its remedy", () => {
  test.each(ILLNESSES.map((illness) => [illness.name, illness] as const))(
    "%s",
    async (_, illness) => {
      const one = patient();
      illness.make(one);
      const report = await look(one);
      const findings = report.topics.flatMap((topic) => topic.findings);
      const found = findings.find(
        ({ topic, observed, degree }) =>
          topic === illness.topic &&
          degree === (illness.degree ?? "problem") &&
          illness.observed.test(observed),
      );
      expect(found ?? findings).toMatchObject({ topic: illness.topic });
      expect(found?.remedy ?? "").toMatch(illness.remedy);
      expect(report.isHealthy).toBe(illness.degree === "remark");
    },
  );
});

test("a process that reads without an end is named", async () => {
  const one = patient();
  await using reader = await holdRead(one.path);
  const report = await look(one);
  const wal = report.topics.find(({ topic }) => topic === "wal");
  if (process.platform === "linux") {
    expect(wal?.findings).toMatchObject([{ object: `process ${reader.pid}`, degree: "problem" }]);
    expect(wal?.findings[0]?.observed).toContain("wal-reader.ts");
  } else {
    expect(wal?.notChecked).not.toEqual([]);
  }
});

test("what is safe is put right, and a second look finds nothing", async () => {
  const one = patient();
  for (const name of [
    "everybody may read it",
    "somebody moved user_version",
    "transcripts are about to be deleted and were not read",
  ])
    ILLNESSES.find((illness) => illness.name === name)?.make(one);
  const first = await look(one);
  const done = await mend(
    first.topics.flatMap(({ findings }) => findings),
    {
      path: one.path,
      open: () => openUsageDb(one.path, { now: () => NOON }),
      sync: async (db) => {
        const { messages } = await syncTranscripts(db, { sources: { claude: [one.transcripts] } });
        return `${messages.inserted} read`;
      },
    },
  );
  expect(done.map(({ fix }) => fix)).toEqual(["modes", "mirror", "sync", "maintain"]);
  expect(statSync(one.path).mode & 0o777).toBe(0o600);
  expect((await look(one)).isHealthy).toBe(true);
});

const mending = (one: Patient, report: HealthReport): ReturnType<typeof mend> =>
  mend(
    report.topics.flatMap(({ findings }) => findings),
    {
      path: one.path,
      open: () => openUsageDb(one.path, { now: () => NOON }),
      sync: () => Promise.resolve(""),
    },
  );

describe("wrong sums", () => {
  const WRONG = "UPDATE usage_rollups SET input_tokens = input_tokens + 5";

  test("are summed anew where every message is a row", async () => {
    const one = patient();
    {
      using db = openUsageDb(one.path, { now: () => NOON });
      db.connection.runOnce(WRONG);
      db.connection.runOnce("DELETE FROM usage_session_totals");
    }
    const ill = await look(one);
    expect(ill.isHealthy).toBe(false);
    expect((await mending(one, ill)).map(({ fix }) => fix)).toEqual(["sums", "maintain"]);
    expect((await look(one)).isHealthy).toBe(true);
  });

  test("stay where messages were folded, and the remedy is another", async () => {
    const one = patient();
    const path = folder.at("folded.db");
    await fillMaintained(path);
    expect((await look({ ...one, path })).isHealthy).toBe(true);
    {
      using db = openUsageDb(path, { now: () => NOON });
      db.connection.runOnce(WRONG);
    }
    const numbers = (await look({ ...one, path })).topics.find(({ topic }) => topic === "numbers");
    expect(numbers?.findings.filter(({ degree }) => degree === "problem")).toMatchObject([
      { fix: null, remedy: expect.stringContaining("usagedb restore") },
    ]);
  });
});

test("no job is run on a database that is damaged", async () => {
  const one = patient();
  {
    using db = openUsageDb(one.path, { now: () => NOON });
    db.connection.runOnce("PRAGMA ignore_check_constraints = ON");
    db.connection.runOnce("UPDATE sessions SET started_at = 5");
  }
  const ill = await look(one);
  expect(ill.isHealthy).toBe(false);
  expect(await mending(one, ill)).toEqual([]);
});

test("backups of the job and those before migrations are looked at, whole, changed or without a hash", async () => {
  const one = patient();
  {
    using db = openUsageDb(one.path, { now: () => NOON });
    await db.maintain({ jobs: ["backup"] });
  }
  const name = readdirSync(`${dirname(one.path)}/backups`).find((file) => file.endsWith(".backup"));
  const whole = `${dirname(one.path)}/backups/${name ?? ""}`;
  const changed = `${one.path}.20260101T000000000Z-v3.backup`;
  copyFileSync(whole, changed);
  writeFileSync(`${changed}.sha256`, `${"0".repeat(64)}  x\n`);
  const bare = whole.replace(/\d{3}Z\.backup$/, "999Z.backup");
  copyFileSync(whole, bare);
  // Whatever else lies there is nobody's backup.
  writeFileSync(`${dirname(one.path)}/backups/notes.txt`, "mine");
  const report = await look(one);
  const topic = report.topics.find((known) => known.topic === "backups");
  const rows = topic?.facts.find((fact) => fact.name === "backups")?.value;
  expect(rows).toHaveLength(2);
  expect(topic?.findings).toMatchObject([
    { object: bare, degree: "remark", observed: expect.stringContaining("no SHA-256") },
    {
      object: changed,
      degree: "problem",
      observed: expect.stringContaining("not the one written"),
    },
  ]);
});
