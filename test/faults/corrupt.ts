/**
 * Strategy: a database with a WAL and a backup beside it is damaged in one of many ways, and a command is run on it,
 * any that reads or writes.
 * Invariants: the command ends, within its time; with 0, or 3 and findings, or a typed error and a hint; what stood
 * there stands there still.
 */
import { cpSync, copyFileSync, lstatSync, mkdirSync, rmSync, type Stats } from "node:fs";
import { join } from "node:path";
import { backupDatabase, exportChanges, openUsageDb, syncTranscripts } from "../../src/index.ts";
import { chance } from "../support/fault-rounds.ts";
import { createEventsDb, fillEventsDb, PLAIN } from "../support/events-db.ts";
import { type TempFolder, tempFolder } from "../support/temp-folder.ts";
import { assistant, writeLines } from "../support/transcripts.ts";
import { faultOfFailure } from "./command-process.ts";
import { COMMANDS } from "./corrupt-commands.ts";
import { DAMAGES } from "./damage.ts";
import { Failures, type FaultRow, pick, type RowResult, type RowRun, spread } from "./row.ts";

const WORKER = join(import.meta.dir, "command-worker.ts");
const LIMIT_MS = 30_000;

/** A database of every table, its last rows in the WAL only, and files that commands read. */
async function prepare(folder: string): Promise<void> {
  mkdirSync(folder);
  const at = Date.now() - 86_400_000;
  const line = (index: number): object =>
    assistant({ id: `m${index}`, requestId: `r${index}`, timestamp: at + index * 60_000 });
  writeLines(`${folder}/claude/projects/app/s1.jsonl`, [0, 1, 2, 3].map(line));
  const old = createEventsDb(`${folder}/events.db`, PLAIN);
  fillEventsDb(old, PLAIN, 20, chance(1));
  old.close(true);
  {
    using db = openUsageDb(`${folder}/live.db`);
    await syncTranscripts(db, { claudeRoots: [`${folder}/claude/projects`] });
    db.snapshots.insertMany(
      Array.from({ length: 200 }, (_, index) => ({
        session_id: `s${index % 5}`,
        snapshot_data: { index, text: "usage ".repeat(20) },
        timestamp: at - index * 3_600_000,
      })),
    );
    backupDatabase(db.connection, `${folder}/safe.db`);
    exportChanges(db, `${folder}/own.changes`);
  }
  using db = openUsageDb(`${folder}/live.db`);
  for (let index = 0; index < 10; index++)
    db.events.insert({
      source_app: "agent",
      session_id: "s1",
      hook_event_type: "Stop",
      payload: { index },
    });
  // Copied while it is open, as a kill would leave it; nobody else has it open.
  copyFileSync(`${folder}/live.db`, `${folder}/usage.db`);
  copyFileSync(`${folder}/live.db-wal`, `${folder}/usage.db-wal`);
  db.close();
  rmSync(`${folder}/live.db`);
}

interface Answer {
  readonly exitCode: number;
  readonly stderr: string;
}

/** A process that runs commands; begun anew after one that hung or crashed it. */
class Runner {
  #child = this.#start();
  #reader = this.#child.stdout.getReader();

  #start() {
    return Bun.spawn([process.execPath, "--no-env-file", "--config=/dev/null", WORKER], {
      cwd: "/",
      stdin: "pipe",
      stdout: "pipe",
      stderr: "ignore",
    });
  }

  /** The command's end; a text for a process that hung or crashed. */
  async run(cwd: string, argv: readonly string[]): Promise<Answer | string> {
    this.#child.stdin.write(`${JSON.stringify({ cwd, argv })}\n`);
    await this.#child.stdin.flush();
    let hung = false;
    const limit = setTimeout(() => {
      hung = true;
      this.#child.kill("SIGKILL");
    }, LIMIT_MS);
    let text = "";
    while (!text.endsWith("\n")) {
      const { value, done } = await this.#reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    clearTimeout(limit);
    if (text.endsWith("\n")) return JSON.parse(text) as Answer;
    await this.#child.exited;
    const how = hung
      ? "it hung"
      : `it crashed with ${this.#child.signalCode ?? this.#child.exitCode}`;
    this.#child = this.#start();
    this.#reader = this.#child.stdout.getReader();
    return how;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

const kindOf = (stats: Stats | undefined): string =>
  stats === undefined
    ? "nothing"
    : stats.isSymbolicLink()
      ? "a symlink"
      : stats.isDirectory()
        ? "a folder"
        : stats.isFile()
          ? "a file"
          : "a special file";

/** What is wrong with how a command dealt with a damaged file. */
function judge(answer: Answer | string, before: Stats | undefined, path: string): string[] {
  const after = lstatSync(path, { throwIfNoEntry: false });
  const gone =
    kindOf(before) !== kindOf(after) || before?.ino !== after?.ino
      ? [`${kindOf(before)} became ${kindOf(after)}`]
      : [];
  const emptied =
    before?.isFile() === true && before.size > 0 && after?.size === 0 ? ["it was emptied"] : [];
  if (typeof answer === "string") return [answer, ...gone, ...emptied];
  const { exitCode, stderr } = answer;
  // 3 with its findings on stdout; 1 with nothing said where there is nothing to show.
  const isAnswered = exitCode === 0 || ((exitCode === 3 || exitCode === 1) && stderr === "");
  const fault = isAnswered
    ? null
    : faultOfFailure({ exitCode, stderr, signal: null, stdout: "", isHung: false });
  return [...(fault === null ? [] : [fault]), ...gone, ...emptied];
}

/** Without any damage every command ends with 0, or what it says of damage would prove nothing. */
async function checkCommands(folder: TempFolder, template: string): Promise<void> {
  const runner = new Runner();
  try {
    for (const argv of COMMANDS) {
      const cwd = folder.at("sound");
      cpSync(template, cwd, { recursive: true });
      const answer = await runner.run(cwd, argv);
      rmSync(cwd, { recursive: true, force: true });
      // A doctor may find that there is no backup yet.
      if (typeof answer === "string" || ![0, 3].includes(answer.exitCode))
        throw new Error(`${argv.join(" ")} fails without damage: ${JSON.stringify(answer)}`);
    }
  } finally {
    runner.stop();
  }
}

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const template = folder.at("template");
  await prepare(template);
  await checkCommands(folder, template);
  const failures = new Failures("corrupt", options);
  const ends: Record<string, number> = {};
  const free: Runner[] = [];
  const names = Object.keys(DAMAGES).filter((name) => options.only?.includes(name) ?? true);
  try {
    await spread(options.rounds, async (round) => {
      const runner = free.pop() ?? new Runner();
      const dice = options.chanceOf(round);
      const damage = pick(dice, names);
      const argv = pick(dice, COMMANDS);
      const cwd = folder.at(`case-${round}`);
      cpSync(template, cwd, { recursive: true });
      DAMAGES[damage]?.(cwd, dice);
      const path = `${cwd}/usage.db`;
      const before = lstatSync(path, { throwIfNoEntry: false });
      const answer = await runner.run(cwd, argv);
      for (const what of judge(answer, before, path))
        failures.add(round, `${damage}, ${argv.join(" ")}: ${what}`);
      const end = typeof answer === "string" ? "no end" : `exit ${answer.exitCode}`;
      ends[end] = (ends[end] ?? 0) + 1;
      rmSync(cwd, { recursive: true, force: true });
      free.push(runner);
      if (round % 2000 === 1999) options.tell(`${round + 1} files`);
    });
  } finally {
    for (const runner of free) runner.stop();
  }
  return { tried: options.rounds, failures: failures.lines, figures: ends };
}

export const corrupt: FaultRow = {
  name: "corrupt",
  fault: "damaged files, and folders, links and pipes in their place; every command",
  target: "no crash, no hang, no deletion, a mapped error with a hint",
  unit: "files",
  shortRounds: 1000,
  longRounds: 20_000,
  skip: process.platform === "win32" ? "Windows has no such links and pipes" : null,
  run,
};
