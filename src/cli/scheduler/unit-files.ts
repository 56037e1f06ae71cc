/** Files that a scheduler reads: written or removed together, and put back when it does not take them. */
import { existsSync, unlinkSync } from "node:fs";
import { createTwoFilesPatch } from "diff";
import { readSettings, replaceSettings, type SettingsFile } from "../settings-file.ts";
import type { SchedulerChange } from "./scheduler.ts";

export interface FileEdit {
  readonly path: string;
  /** Null removes the file. */
  readonly text: string | null;
}

export interface UnitFilesOptions {
  readonly now: number;
  /** The commands that tell the scheduler, for the preview. */
  readonly commands: readonly string[];
  /** Whether the scheduler goes by the files that are there; asked only when they are as they should be. */
  readonly isActive?: () => boolean;
  /** Runs before files are removed. */
  readonly before?: () => void;
  /** Runs once the files stand; when it throws they are put back. */
  readonly after: () => void;
}

export function editUnitFiles(
  edits: readonly FileEdit[],
  options: UnitFilesOptions,
): SchedulerChange {
  const files = edits.map((edit) => ({ edit, file: readSettings(edit.path) }));
  const changed = files.filter(({ edit, file }) =>
    edit.text === null ? file.exists : edit.text !== file.text,
  );
  const isChanged = changed.length > 0 || options.isActive?.() === false;
  const patches = changed.map(({ edit, file }) =>
    createTwoFilesPatch(file.path, file.path, file.text, edit.text ?? "", "now", "then"),
  );
  return {
    isChanged,
    preview: isChanged
      ? [...patches, ...options.commands.map((line) => `$ ${line}`)].join("\n")
      : "",
    apply() {
      options.before?.();
      const copies = changed.flatMap(({ edit, file }) => write(edit, file, options.now) ?? []);
      try {
        options.after();
      } catch (error) {
        for (const { edit, file } of changed) putBack(edit, file, options.now);
        throw error;
      }
      return copies;
    },
  };
}

/** What we wrote ourselves needs no copy when it is removed: `install` writes it again. */
function write({ text }: FileEdit, file: SettingsFile, now: number): string | null {
  if (text !== null) return replaceSettings(file, { text, isSecret: false, now });
  unlinkSync(file.path);
  return null;
}

function putBack({ text }: FileEdit, file: SettingsFile, now: number): void {
  if (file.exists) {
    replaceSettings(
      { path: file.path, text: text ?? "", exists: text !== null },
      { text: file.text, isSecret: false, now },
    );
  } else if (existsSync(file.path)) unlinkSync(file.path);
}
