/** Usage reports beside ccusage, which reads every transcript at every call. */
import { chmodSync, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { reportBlocks } from "../../src/report/blocks.ts";
import { reportPeriods } from "../../src/report/periods.ts";
import { reportSessions } from "../../src/report/sessions.ts";
import { openUsageDb, type UsageDb } from "../../src/usage-db.ts";
import type { Benchmark, Contender } from "../contender.ts";
import { timed } from "../measure.ts";
import { buildInstalled } from "../installed.ts";
import { BENCH, floorScript, INSTALLED, REPOSITORY, USAGEDB } from "../paths.ts";
import { spawnTimed } from "../spawn.ts";

/** `USAGEDB_BENCH_USAGE_MB`; with 1000 and more a file has the usual 700 kB, and there are fewer rounds. */
const MEGABYTES = Number(process.env["USAGEDB_BENCH_USAGE_MB"] ?? 100);
const IS_LARGE = MEGABYTES >= 1000;
const SESSIONS = Math.round(MEGABYTES * (IS_LARGE ? 1.5 : 3));
const ROUNDS = IS_LARGE ? 5 : 9;
const FIRST_AT_MOST = 0.75;
const RESCAN_AT_MOST = 1 / 40;
const REPORT_AT_MOST_MS = 40;
const IN_PROCESS_AT_MOST_MS = 5;

export const usage: Benchmark = {
  name: "usage",
  description: `usage of ${MEGABYTES} MB of transcripts, beside ccusage`,
  needsPeers: true,
  run: async ({ folder, generator, measure, report, note }) => {
    const script = resolve(REPOSITORY, generator);
    if (!existsSync(script))
      return { skipped: `no generator at ${generator}; name one with --generator` };
    note(`generating ${MEGABYTES} MB`);
    const transcripts = join(folder, "transcripts");
    const size = ["--mb", String(MEGABYTES), "--sessions", String(SESSIONS), "--seed", "1"];
    spawnTimed([process.execPath, script, "--out", transcripts, ...size]);
    buildInstalled();
    const env = { CLAUDE_CONFIG_DIR: transcripts, HOME: folder };
    const ccusage = ccusageBinary();
    const fresh = join(folder, "fresh.db");
    const known = join(folder, "known.db");
    const command = (...argv: string[]): string[] => [process.execPath, USAGEDB, ...argv];
    spawnTimed(command("sync", "--db", known), { env });
    const peer: Contender = {
      name: "ccusage daily",
      run: () =>
        spawnTimed([ccusage, "daily", "--json", "--offline"], { env, expect: /totalCost/ }),
    };
    await measure({
      name: "first look at all transcripts, whole process",
      rounds: ROUNDS,
      warmUpRounds: 1,
      contenders: [
        peer,
        {
          name: "usagedb sync",
          run: () => {
            for (const ending of ["", "-wal", "-shm"]) rmSync(`${fresh}${ending}`, { force: true });
            return spawnTimed(command("sync", "--db", fresh), { env, expect: /new message/ });
          },
        },
      ],
      budgets: { "usagedb sync": [{ atMost: FIRST_AT_MOST, metric: "cpu" }] },
    });
    await measure({
      name: "every further look, whole process",
      rounds: ROUNDS,
      warmUpRounds: 1,
      contenders: [
        peer,
        {
          name: "usagedb sync, nothing new",
          run: () => spawnTimed(command("sync", "--db", known), { env, expect: /Nothing new/ }),
        },
        ...["daily", "monthly", "session", "blocks"].flatMap((kind) =>
          [USAGEDB, INSTALLED].map((program): Contender => ({
            name: `usagedb report ${kind}${program === INSTALLED ? ", installed" : ""}`,
            run: () =>
              spawnTimed([process.execPath, program, "report", kind, "--db", known, "--json"], {
                env,
                expect: /totalCost/,
              }),
          })),
        ),
        {
          name: "bun, one empty script",
          run: () => spawnTimed([process.execPath, floorScript("empty")]),
        },
      ],
      budgets: {},
    });
    using db = openUsageDb(known);
    await measure({
      name: "report, in-process",
      rounds: 25,
      warmUpRounds: 3,
      contenders: inProcess(db),
      budgets: {},
    });
    const { bytes } = JSON.parse(readFileSync(join(transcripts, "truth.json"), "utf8"));
    report({
      name: "usage: database",
      value: `${((statSync(known).size / Number(bytes)) * 100).toFixed(2)} % of the transcripts`,
    });
    report({
      name: "usage: budgets",
      value: `first look ≤ ${FIRST_AT_MOST} x ccusage's CPU, a further sync ≤ ${RESCAN_AT_MOST} x its time, a report ≤ ${REPORT_AT_MOST_MS} ms whole and ≤ ${IN_PROCESS_AT_MOST_MS} ms in-process`,
    });
    return undefined;
  },
};

function inProcess(db: UsageDb): Contender[] {
  const timeZone = "UTC";
  const of = (name: string, work: () => void): Contender => ({ name, run: () => timed(work) });
  return [
    of("by day", () => void reportPeriods(db, { timeZone })),
    of("by month", () => void reportPeriods(db, { timeZone, period: "monthly" })),
    of("by session", () => void reportSessions(db, { timeZone })),
    of("by block", () => void reportBlocks(db, { timeZone, nowMs: Date.now() })),
  ];
}

/** The binary itself, without the wrapper that npm puts before it. */
function ccusageBinary(): string {
  const folder = join(BENCH, "node_modules", "@ccusage");
  const found = [...new Bun.Glob("*/bin/ccusage*").scanSync({ cwd: folder })][0];
  if (found === undefined) throw new Error("ccusage is missing. Run: bun install --cwd bench");
  const binary = join(folder, found);
  // Its own wrapper does the same.
  chmodSync(binary, 0o755);
  return binary;
}
