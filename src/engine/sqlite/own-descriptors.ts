/** Whether this process has a file open: POSIX drops all of its locks as soon as it closes any descriptor of it. */
import { readdirSync, statSync, type Stats } from "node:fs";
import { OperationError } from "../../errors.ts";

/**
 * Refuses to read a database's bytes where a connection of this very process would lose its locks by it.
 * @param action what is to be done, as the word after "Cannot".
 * @throws {OperationError} DATABASE_BUSY.
 */
export function refuseOpenHere(path: string, action: string): void {
  const file = statSync(path, { throwIfNoEntry: false });
  const isOpen = ownDescriptors().some(({ dev, ino }) => dev === file?.dev && ino === file.ino);
  if (!isOpen) return;
  throw new OperationError(
    "DATABASE_BUSY",
    `Cannot ${action} ${path}: this process has it open, expected it closed`,
    { details: { path }, hint: "Close the database first, or do it in another process." },
  );
}

/** Empty where the system does not list them. */
function ownDescriptors(): Stats[] {
  const stats: Stats[] = [];
  try {
    for (const name of readdirSync("/proc/self/fd")) {
      const one = statSync(`/proc/self/fd/${name}`, { throwIfNoEntry: false });
      if (one !== undefined) stats.push(one);
    }
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
  }
  return stats;
}
