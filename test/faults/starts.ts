/**
 * Strategy: eight processes open one file that is not there yet at the same moment, and each stores a row of its own.
 * Invariants: each succeeds; every version is applied once; every row is there; nothing is left beside the database.
 */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { migrations } from "../../src/store/own-migrations.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { Failures, type FaultRow, type RowResult, type RowRun } from "./row.ts";
import { oneOf, problemsOfPages } from "./soundness.ts";

const PROCESSES = 8;
const STARTER = join(import.meta.dir, "starter.ts");

async function startTogether(path: string): Promise<string[]> {
  const children = Array.from({ length: PROCESSES }, (_, index) =>
    Bun.spawn([process.execPath, STARTER, path, String(index)], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    }),
  );
  const outputs = children.map((child) => child.stdout.getReader());
  // All are loaded and wait before any of them may open the file.
  await Promise.all(outputs.map((output) => output.read()));
  for (const child of children) void child.stdin.end();
  const ends = await Promise.all(
    children.map(async (child) => ({
      code: await child.exited,
      stderr: await child.stderr.text(),
    })),
  );
  const wrong = ends.filter(({ code }) => code !== 0).map(({ stderr }) => stderr.slice(0, 500));
  using db = openConnection(path, { mode: "existing" });
  const versions = db.readOnce("SELECT version FROM schema_migrations ORDER BY version").flat();
  const rows = oneOf(db, "SELECT count(DISTINCT session_id) FROM usage_snapshots");
  return [
    ...wrong,
    ...problemsOfPages(db),
    ...(versions.join() === migrations.versions.join() ? [] : [`versions ${versions.join()}`]),
    ...(rows === PROCESSES ? [] : [`${String(rows)} rows of ${PROCESSES}`]),
  ];
}

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const failures = new Failures("starts", options);
  for (let round = 0; round < options.rounds; round++) {
    const path = folder.at("fresh.db");
    for (const wrong of await startTogether(path)) failures.add(round, wrong);
    const left = readdirSync(folder.path).filter((name) => name !== "fresh.db");
    if (left.length > 0) failures.add(round, `left behind: ${left.join()}`);
    for (const name of readdirSync(folder.path)) rmSync(folder.at(name));
    if (round % 100 === 99) options.tell(`${round + 1} rounds`);
  }
  return {
    tried: options.rounds,
    failures: failures.lines,
    figures: { starts: options.rounds * PROCESSES },
  };
}

export const starts: FaultRow = {
  name: "starts",
  fault: "8 processes start on a fresh file",
  target: "0 failures",
  unit: "rounds",
  shortRounds: 20,
  longRounds: 500,
  skip: null,
  run,
};
