/** Reading 100 MB of transcripts into a database, and again with nothing new. */
import { existsSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { syncTranscripts } from "../../src/usage-sync.ts";
import { openUsageDb } from "../../src/usage-db.ts";
import type { Benchmark, Contender, Sample } from "../contender.ts";
import { timedAsync } from "../measure.ts";
import { floorScript, REPOSITORY, USAGEDB } from "../paths.ts";
import { spawnTimed } from "../spawn.ts";

const MEGABYTES = 100;
const ROUNDS = 7;
const FIRST_AT_MOST = 1.2;
const SECOND_AT_MOST = 0.03;

export const sync: Benchmark = {
  name: "sync",
  description: `reading ${MEGABYTES} MB of generated transcripts`,
  needsPeers: false,
  run: async ({ folder, generator, measure, note }) => {
    const script = resolve(REPOSITORY, generator);
    if (!existsSync(script))
      return { skipped: `no generator at ${generator}; name one with --generator` };
    note(`generating ${MEGABYTES} MB`);
    const transcripts = join(folder, "transcripts");
    const size = ["--mb", String(MEGABYTES), "--seed", "1"];
    spawnTimed([process.execPath, script, "--out", transcripts, ...size]);

    // Nothing but the generated transcripts, whatever this machine's own agents keep.
    const none = join(folder, "none");
    const env = {
      CLAUDE_CONFIG_DIR: transcripts,
      CODEX_HOME: none,
      XDG_DATA_HOME: none,
      GEMINI_CLI_HOME: none,
    };
    const command = (file: string): string[] => [process.execPath, USAGEDB, "sync", "--db", file];
    const parse = [process.execPath, floorScript("parse-transcripts"), transcripts];
    const fresh = join(folder, "fresh.db");
    const known = join(folder, "known.db");
    spawnTimed(command(known), { env });
    const parseAll: Contender = { name: "JSON.parse of every line", run: () => spawnTimed(parse) };
    await measure({
      name: `sync of ${MEGABYTES} MB, whole process`,
      rounds: ROUNDS,
      warmUpRounds: 1,
      contenders: [
        parseAll,
        {
          name: "usagedb sync",
          run: (): Sample => {
            removeDatabase(fresh);
            return spawnTimed(command(fresh), { env });
          },
        },
      ],
      budgets: { "usagedb sync": [{ atMost: FIRST_AT_MOST, metric: "cpu" }] },
    });
    await measure({
      name: "second sync, whole process",
      rounds: ROUNDS,
      warmUpRounds: 1,
      contenders: [
        {
          name: "first sync",
          run: (): Sample => {
            removeDatabase(fresh);
            return spawnTimed(command(fresh), { env });
          },
        },
        { name: "second sync", run: (): Sample => spawnTimed(command(known), { env }) },
        {
          name: "bun, one empty script",
          run: (): Sample => spawnTimed([process.execPath, floorScript("empty")]),
        },
      ],
      budgets: { "second sync": [{ atMost: SECOND_AT_MOST, metric: "cpu" }] },
    });
    const claudeRoots = [join(transcripts, "projects")];
    await measure({
      name: "second sync, in-process",
      rounds: ROUNDS,
      warmUpRounds: 1,
      contenders: [
        syncOf("first sync", fresh, claudeRoots, true),
        syncOf("second sync", known, claudeRoots, false),
      ],
      budgets: { "second sync": [{ atMost: SECOND_AT_MOST }] },
    });
    return undefined;
  },
};

/** Opening is outside the time. */
function syncOf(name: string, file: string, claudeRoots: string[], isFresh: boolean): Contender {
  const run = async (): Promise<Sample> => {
    if (isFresh) removeDatabase(file);
    using db = openUsageDb(file);
    let filesRead = 0;
    const sample = await timedAsync(async () => {
      ({ filesRead } = await syncTranscripts(db, { claudeRoots }));
    });
    if (filesRead > 0 !== isFresh) throw new Error(`${name} read ${filesRead} files`);
    return sample;
  };
  return { name, run };
}

function removeDatabase(file: string): void {
  for (const ending of ["", "-wal", "-shm"]) rmSync(`${file}${ending}`, { force: true });
}
