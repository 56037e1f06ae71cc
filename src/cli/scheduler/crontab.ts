/** The user's crontab: one line a database, every other line as it was. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createTwoFilesPatch } from "diff";
import { OperationError } from "../../errors.ts";
import { shellWord } from "../shell-words.ts";
import { findProgram, programFailed, requireProgram, runProgram } from "./host-command.ts";
import type { ScheduledEntry, Scheduler, SchedulerChange } from "./scheduler.ts";

export interface CrontabOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the copy of the crontab before an edit goes. */
  readonly copyFolder: string;
  readonly now: number;
}

/** By this an entry is known again; cron hands the line to a shell, for which it is a comment. */
const markOf = (id: string): string => ` # usagedb-maintain ${id}`;

export function crontab({ env, copyFolder, now }: CrontabOptions): Scheduler {
  const change = (edit: (text: string) => string): SchedulerChange => {
    const before = readCrontab(env);
    const after = edit(before);
    return {
      isChanged: after !== before,
      preview: createTwoFilesPatch("crontab", "crontab", before, after, "now", "then"),
      apply() {
        const copy = keepCopy(before, copyFolder, now);
        replaceCrontab({ before, after, copy }, env);
        return copy === null ? [] : [copy];
      },
    };
  };
  return {
    name: "crontab",
    remark: null,
    isAvailable: () => findProgram("crontab", env) !== null,
    install: (entry) => change((text) => withLine(text, entry)),
    uninstall: (id) => change((text) => withoutLine(text, id)),
  };
}

function withLine(text: string, entry: ScheduledEntry): string {
  const line = `${entry.cadence.cron} ${commandOf(entry)}${markOf(entry.id)}`;
  const lines = linesOf(text);
  const at = lines.findIndex((known) => known.endsWith(markOf(entry.id)));
  if (at < 0) return textOf([...lines, line]);
  return textOf([
    ...lines.slice(0, at),
    line,
    ...lines.slice(at + 1).filter((known) => !known.endsWith(markOf(entry.id))),
  ]);
}

function withoutLine(text: string, id: string): string {
  const lines = linesOf(text);
  const kept = lines.filter((line) => !line.endsWith(markOf(id)));
  return kept.length === lines.length ? text : textOf(kept);
}

/** To cron a bare `%` is the end of the line. */
function commandOf({ argv }: ScheduledEntry): string {
  return argv.map(shellWord).join(" ").replaceAll("%", "\\%");
}

const linesOf = (text: string): string[] =>
  text === "" ? [] : text.replace(/\n$/, "").split("\n");

const textOf = (lines: readonly string[]): string =>
  lines.length === 0 ? "" : `${lines.join("\n")}\n`;

/** Empty when the user has none. A crontab that cannot be read must not be taken for an empty one. */
function readCrontab(env: CrontabOptions["env"]): string {
  const result = runProgram(["crontab", "-l"], env);
  if (result.exitCode === 0) return result.stdout;
  if (/no crontab/i.test(result.stderr)) return "";
  throw programFailed(["crontab", "-l"], result);
}

function keepCopy(text: string, folder: string, now: number): string | null {
  if (text === "") return null;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, "");
  for (let attempt = 0; ; attempt++) {
    const copy = `${folder}/crontab.${stamp}${attempt === 0 ? "" : `-${attempt}`}.backup`;
    try {
      writeFileSync(copy, text, { flag: "wx", mode: 0o600, flush: true });
      chmodSync(copy, 0o600);
      return copy;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
}

/** Reads it again on both sides of the writing: another program's edit is not overwritten, and ours is there. */
function replaceCrontab(
  {
    before,
    after,
    copy,
  }: { readonly before: string; readonly after: string; readonly copy: string | null },
  env: CrontabOptions["env"],
): void {
  if (readCrontab(env) !== before) {
    throw new OperationError(
      "SETTINGS_CHANGED",
      "Cannot replace the crontab: it changed while it was edited, expected it as it was read",
    );
  }
  if (after === "") requireProgram(["crontab", "-r"], env);
  else requireProgram(["crontab", "-"], env, after);
  if (readCrontab(env) === after) return;
  throw new OperationError(
    "SCHEDULER_FAILED",
    `Cannot replace the crontab: it is not what was written, expected the new lines${copy === null ? "" : `; the old ones are in ${copy}`}`,
    { details: { copy } },
  );
}
