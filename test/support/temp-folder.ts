/** A folder of its own for one test, gone when the test ends: `using folder = tempFolder()`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TempFolder extends Disposable {
  readonly path: string;
  /** The path of something inside. */
  at(...segments: string[]): string;
}

export function tempFolder(): TempFolder {
  const path = mkdtempSync(join(tmpdir(), "usagedb-test-"));
  return {
    path,
    at: (...segments) => join(path, ...segments),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
