/** A command of ours that meets faults, and how what it leaves is judged. */
import type { TempFolder } from "../support/temp-folder.ts";

/** What was found in a folder after a fault, or after a whole run. */
export interface Look {
  /** What a fault must never leave, one line each. */
  readonly problems: readonly string[];
  /** Whether the operation has done its work. */
  readonly isComplete: boolean;
}

export interface Operation {
  readonly name: string;
  /** Makes the files that it starts from, in a folder that exists. */
  prepare(folder: string): Promise<void>;
  /** Its command line, from within the folder; every file in it is named relatively. */
  readonly argv: readonly string[];
  readonly env?: (folder: string) => Readonly<Record<string, string>>;
  /** Reads a copy of the folder. */
  look(folder: string): Look;
}

/** A folder that an operation starts from, filled once and copied for each fault. */
export async function templateOf(operation: Operation, folder: TempFolder): Promise<string> {
  const { mkdirSync } = await import("node:fs");
  const path = folder.at(`template-${operation.name}`);
  mkdirSync(path);
  await operation.prepare(path);
  return path;
}
